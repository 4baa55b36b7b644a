"""The web application: a photograph comes in, its state is asked for, its pictures and its result go out. See photographs.py.

    POST /photo?name=          the file as the message      -> {"id"}
    GET  /photo/ID             how far it is                -> photographs.Photographs.state
    POST /photo/ID/restore     {"color": true, ...}         -> the same
    GET  /photo/ID/before.jpg  /photo/ID/after.jpg          for the page
    GET  /photo/ID/result.jpg  .png  .tif  .webp            to keep
    DELETE /photo/ID           forget it now

What cannot be is {"error": a sentence} with 400 (404: not held, 413: too large, 503: too many are waiting, 403: asked by another
web site's page).
"""

import asyncio
import contextlib
import json
from urllib.parse import quote

from minicolor.darkroom import page, script, style
from minicolor.darkroom.photographs import Full, Photographs
from minicolor.errors import BadInput
from minicolor.local_page import HOSTS, from_elsewhere

LONGEST = 4096         # bytes of settings
LONGEST_NAME = 150     # characters; most file systems take 255 bytes
SWEEP = 30             # seconds between looks for what nobody uses any more
KINDS = {"jpg": "image/jpeg", "png": "image/png", "tif": "image/tiff", "webp": "image/webp"}
HEADERS = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                                      "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
           "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
           "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
NOTHING, FORGOTTEN = "There is nothing at this address.", "This photograph is no longer held here. Please drop it again."


def application(photographs: Photographs, stages: dict[str, str], most_bytes: int, loopback: bool = True):
    """An ASGI application. stages: of which there is a run, and its name. loopback: answer only to the names of this machine."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.datastructures import Headers
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import ClientDisconnect
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    fixed = {"/studio.css": ("text/css", style.STYLE), "/studio.js": ("text/javascript", script.SCRIPT)}

    class Guard:
        """Asks of other sites' pages are refused before they are read; every answer carries HEADERS."""

        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def send_more(message):
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], *((k.lower().encode(), v.encode()) for k, v in HEADERS.items())]
                await send(message)

            refuse = scope["type"] == "http" and from_elsewhere(scope["method"], scope["path"], Headers(scope=scope))
            app = JSONResponse({"error": "Only the studio's own page may ask for this."}, 403) if refuse else self.app
            await app(scope, receive, send_more if scope["type"] == "http" else send)

    def kept(thing):
        if thing is None:
            raise HTTPException(404, FORGOTTEN)
        return thing

    async def body(request, most: int, what: str, status: int = 413) -> bytes:
        """The message, or this status. No more than `most` is held, but all is read: who is still sending hears no answer."""
        data, length = bytearray(), 0
        async for piece in request.stream():
            length += len(piece)
            if length <= most:
                data += piece
        if length > most:
            raise HTTPException(status, what)
        return bytes(data)

    async def start(request):                    # the page needs no thread: all of them may be waiting for downloads
        return HTMLResponse(page.start(stages, most_bytes, photographs.studio.most_pixels))

    async def part(request):
        kind, text = fixed[request.url.path]
        return Response(text, media_type=kind)

    async def add(request):
        too_large = f"This file is too large: the studio takes up to {most_bytes / 1e6:.0f} MB."
        size = min(most_bytes, int(request.headers.get("content-length", most_bytes)))
        try:
            with photographs.room(size):
                data = await body(request, most_bytes, too_large)
                return JSONResponse({"id": photographs.add(_name(request.query_params.get("name", "")), data)})
        except Full as e:
            return await body(request, -1, str(e), 503)                      # nothing of it is held

    async def state(request):
        return JSONResponse(kept(photographs.state(request.path_params["id"])))

    async def restore(request):
        data = await body(request, LONGEST, "expected a short JSON object")
        try:
            said = json.loads(data)
        except (ValueError, RecursionError):                                 # no JSON, or [[[[ ...
            said = None
        id = request.path_params["id"]
        kept(photographs.develop(id, photographs.studio.settings(said)) or None)
        return JSONResponse(kept(photographs.state(id)))

    async def picture(request):
        return Response(kept(photographs.picture(request.path_params["id"], request.url.path[1:].split("/")[2][:-4])),
                        media_type="image/jpeg")

    async def result(request):
        form = request.path_params["form"]
        if form not in KINDS:
            raise HTTPException(404)
        name, data = kept(await run_in_threadpool(photographs.save, request.path_params["id"], form))
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ") else "_" for c in name)   # for old browsers
        return Response(data, media_type=KINDS[form], headers={
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"})

    async def forget(request):
        photographs.forget(request.path_params["id"])
        return Response(status_code=204)

    async def refused(request, error):
        if isinstance(error, HTTPException):
            said = {"Not Found": NOTHING}.get(error.detail, error.detail)
            return JSONResponse({"error": said}, error.status_code)
        return JSONResponse({"error": str(error)}, 503 if isinstance(error, Full) else 400)

    async def gone(request, error):
        return Response(status_code=400)                                     # nobody is there to read it

    @contextlib.asynccontextmanager
    async def sweeping(app):
        async def sweep():
            while True:
                await asyncio.sleep(SWEEP)
                photographs.sweep()

        task = asyncio.create_task(sweep())
        yield
        task.cancel()

    routes = [Route("/", start), *(Route(path, part) for path in fixed), Route("/photo", add, methods=["POST"]),
              Route("/photo/{id}", state), Route("/photo/{id}", forget, methods=["DELETE"]),
              Route("/photo/{id}/restore", restore, methods=["POST"]),
              *(Route(f"/photo/{{id}}/{which}.jpg", picture) for which in ("before", "after")),
              Route("/photo/{id}/result.{form}", result)]
    guard = [Middleware(Guard)]
    if loopback:
        guard.append(Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False))
    return Starlette(routes=routes, middleware=guard, lifespan=sweeping,
                     exception_handlers={HTTPException: refused, BadInput: refused, ClientDisconnect: gone})


def _name(sent: str) -> str:
    """The file's own name, whatever path or control characters came with it."""
    name = "".join(c for c in sent.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable()).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    return f"{stem[:LONGEST_NAME]}{dot}{suffix[:10]}" if stem else name[:LONGEST_NAME] or "photograph"
