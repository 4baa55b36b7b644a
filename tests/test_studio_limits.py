"""The studio's server when too much is asked of it: a sentence at once, and the page for everyone else."""

import asyncio
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from minicolor.darkroom import photographs as shelf
from minicolor.darkroom.photographs import Photographs
from minicolor.darkroom.server import application

pytest.importorskip("starlette", reason="starlette is not installed: pip install -e '.[test]'")


class Stuck:
    """A studio without pictures, whose files to keep are packed when it is told to."""

    most_pixels = 10**6

    def __init__(self):
        self.go = threading.Event()

    def open(self, data, name):
        return {}, b"before"

    def develop(self, data, name, settings, said):
        return SimpleNamespace(rgb=np.zeros(3, np.uint8)), {}, b"before", b"after"

    def encode(self, name, result, form):
        self.go.wait(20)
        return name, b"file"

    def settings(self, said):
        return said


async def ask(app, method: str, path: str, body: bytes = b"", length: int | None = None) -> tuple[int, bytes]:
    """One request, as a server hands it to the application."""
    headers = [(b"host", b"localhost"), (b"content-length", str(len(body) if length is None else length).encode())]
    path, _, query = path.partition("?")
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
             "raw_path": path.encode(), "query_string": query.encode(), "headers": headers, "root_path": "",
             "server": ("localhost", 80), "client": ("localhost", 1)}
    sent, given = [], [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return given.pop() if given else await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


def shown(photographs) -> str:
    """The id of a photograph that has a result."""
    id = photographs.add("a", b"file")
    photographs.develop(id, "so")
    for _ in range(1000):
        if photographs.state(id)["result"] and not photographs.queue:
            return id
        threading.Event().wait(0.005)
    raise AssertionError("no result in 5 s")


def test_waiting_downloads_are_bounded_and_stop_nobody():
    studio = Stuck()
    photographs = Photographs(studio)
    app, id = application(photographs, {"color": "mine"}, 1000), shown(photographs)

    async def all_at_once():
        downloads = [asyncio.create_task(ask(app, "GET", f"/photo/{id}/result.png")) for _ in range(60)]
        while len(photographs.queue) < shelf.WAITING:
            await asyncio.sleep(0.01)
        for path in "/", "/studio.css", f"/photo/{id}":
            assert (await asyncio.wait_for(ask(app, "GET", path), 5))[0] == 200, path
        status, body = await asyncio.wait_for(ask(app, "POST", "/photo?name=x", b"file"), 5)
        assert status == 503 and b"try again" in body
        while sum(task.done() for task in downloads) < 60 - shelf.WAITING:
            await asyncio.sleep(0.01)
        studio.go.set()
        return [status for status, _ in await asyncio.gather(*downloads)]

    answers = asyncio.run(asyncio.wait_for(all_at_once(), 30))
    assert sorted(answers) == [200] * shelf.WAITING + [503] * (60 - shelf.WAITING)


def test_no_room_is_said_for_a_file_that_is_not_yet_read():
    photographs = Photographs(Stuck(), hold=100)
    app = application(photographs, {"color": "mine"}, 1000)
    with photographs.room(60):
        assert asyncio.run(ask(app, "POST", "/photo?name=x", b"file", length=50))[0] == 503
        assert photographs.held == {}
        assert asyncio.run(ask(app, "POST", "/photo?name=x", bytes(40)))[0] == 200
    assert photographs.coming == []


def test_brackets_without_end_are_no_settings():
    photographs = Photographs(Stuck())
    app, id = application(photographs, {"color": "mine"}, 1000), shown(photographs)
    photographs.studio = SimpleNamespace(settings=lambda said: (_ for _ in ()).throw(shelf.BadInput(f"sent: {said}")))
    assert asyncio.run(ask(app, "POST", f"/photo/{id}/restore", b"[" * 4096)) == (400, b'{"error":"sent: None"}')
