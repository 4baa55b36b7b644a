"""The web application: pages, pictures under their random ids, and answers that are on the disk before they are confirmed.

It listens on this machine alone unless told otherwise. Results have a secret address, so that no judge comes upon them.
"""

import json
import sqlite3
from collections.abc import Callable

from minicolor.errors import BadInput
from minicolor.judging import pages, results_page
from minicolor.judging.answers import Answers
from minicolor.judging.results import results, table
from minicolor.local_page import HOSTS, LOOPBACK, listen

LONGEST = 4096         # bytes of a message: names and answers are short
HEADERS = {"Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'",
           "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


def application(answers: Answers, loopback: bool = True):
    """An ASGI application. loopback: answer only to the names of this machine, whatever a foreign page makes of its own."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
    from starlette.routing import Route

    about = answers.about
    runs, pairs, key = about["runs"], about["pairs"], about["key"]
    fixed = {"style.css": ("text/css", pages.STYLE + results_page.STYLE), "start.js": ("text/javascript", pages.START_SCRIPT),
             "judge.js": ("text/javascript", pages.JUDGE_SCRIPT)}

    def fresh(response: Response) -> Response:
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def message(request) -> dict:
        """The JSON object that was sent. Only a page of ours can say that it sends JSON: browsers see to that."""
        data = await request.body() if int(request.headers.get("content-length") or LONGEST + 1) <= LONGEST else b""
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):                         # the latter: brackets without end
            found = None
        if not isinstance(found, dict) or request.headers.get("content-type", "").split(";")[0] != "application/json":
            raise BadInput("expected a short JSON object")
        return found

    def start(request):
        return fresh(HTMLResponse(pages.start(pairs)))

    def part(request):
        kind, text = fixed[request.url.path[1:]]
        return fresh(Response(text, media_type=kind))

    async def enter(request):
        name = (await message(request)).get("name")
        token = await run_in_threadpool(answers.judge, name if isinstance(name, str) else "")
        return fresh(JSONResponse({"judge": token}))

    def judge(request):
        known = answers.state(request.path_params["token"])
        return fresh(HTMLResponse(pages.judge(pairs)) if known else RedirectResponse("/"))

    def state(request):
        return fresh(JSONResponse(found(answers.state(request.path_params["token"]))))

    async def answer(request):
        token, said = request.path_params["token"], await message(request)
        await run_in_threadpool(answers.answer, token, said.get("question"), said.get("choice"), said.get("seconds"))
        return fresh(JSONResponse(found(await run_in_threadpool(answers.state, token))))

    def picture(request):
        png = found(answers.png(request.path_params["id"]))
        return fresh(Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400"}))

    def show(request):
        everyone = "everyone" in request.query_params
        calculated = results(answers.rows(), runs, pairs, everyone)
        return fresh(HTMLResponse(results_page.results_page(calculated, runs, pairs, key, everyone)))

    def download(request):
        return fresh(Response(table(answers.rows(), runs), media_type="text/csv",
                              headers={"Content-Disposition": "attachment; filename=answers.csv"}))

    def found(thing):
        if thing is None:
            raise HTTPException(404)
        return thing

    def missing(request, error):
        return fresh(JSONResponse({"error": "There is nothing at this address."}, error.status_code))

    def refused(request, error):
        return fresh(JSONResponse({"error": str(error)}, 400))

    def failed(request, error):
        return fresh(JSONResponse({"error": f"This cannot be kept just now ({error}); trying again …"}, 503))

    routes = [Route("/", start), *(Route(f"/{name}", part) for name in fixed), Route("/judge", enter, methods=["POST"]),
              Route("/judge/{token}", judge), Route("/judge/{token}/state", state),
              Route("/judge/{token}/answer", answer, methods=["POST"]), Route("/picture/{id}", picture),
              Route(f"/results/{key}", show), Route(f"/results/{key}.csv", download)]
    guard = [Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)] if loopback else []
    return Starlette(routes=routes, middleware=guard,
                     exception_handlers={HTTPException: missing, BadInput: refused, sqlite3.Error: failed})


def serve(answers: Answers, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; port 0 is any free one. say(address) is called once it is ours. BadInput: it cannot be had."""
    listen(application(answers, host in LOOPBACK), host, port, say, other="another judgment")
