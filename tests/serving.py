"""A small web server for tests of downloads, and the guarantee that they reach nothing else."""

import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Page:
    """What one address serves, and how well."""

    body: bytes
    ranges: bool = True                 # whether a Range request is understood
    cuts: list[int] = field(default_factory=list)   # each answer in turn ends after so many bytes of what it should send
    statuses: list[int] = field(default_factory=list)  # each answer in turn; 0: as usual
    kind: str = "application/octet-stream"
    length: int | None = None           # Content-Length, where it is a lie
    chunked: bool = False
    shift: int = 0                      # the server's Range begins so many bytes further on
    stall: float = 0                    # seconds of silence after a cut


class Server:
    """pages by path; `seen`: the (path, Range header) of every request."""

    def __init__(self, port: int):
        self.pages: dict[str, Page] = {}
        self.seen: list[tuple[str, str | None]] = []
        self.address = f"http://127.0.0.1:{port}"

    def put(self, name: str, body: bytes, **how) -> str:
        self.pages[f"/{name}"] = Page(body, **how)
        return f"{self.address}/{name}"


def only_this_machine(monkeypatch) -> None:
    """Make every address but 127.0.0.1 fail, in this process, and ask no proxy."""
    def guarded(request, *args, real=urllib.request.urlopen, **options):
        assert urlsplit(request.full_url).hostname == "127.0.0.1", f"a test reaches out to {request.full_url}"
        return real(request, *args, **options)

    monkeypatch.setattr(urllib.request, "urlopen", guarded)
    monkeypatch.setattr(urllib.request, "_opener", None)                # it remembers the proxies of the first use
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def serving():
    """A server on 127.0.0.1 while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            path = "/" + self.path.split("/", 3)[3] if self.path.startswith("http") else self.path      # we may be the proxy
            asked = self.headers.get("Range")
            server.seen.append((path, asked))
            page = server.pages.get(path)
            status = 404 if page is None else page.statuses.pop(0) if page.statuses else 0
            if status:
                body = b"<html>sorry</html>"
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
            else:
                start = int(asked[len("bytes="):-1]) + page.shift if asked and page.ranges else 0
                if start and start >= len(page.body):
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body = page.body[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Type", page.kind)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(page.body) - 1}/{len(page.body)}")
            if page and page.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(page.length if page and page.length is not None else len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            cut = page.cuts.pop(0) if page and page.cuts and not status else None
            sent = body[:cut]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent) if page and page.chunked else sent)
            if page and page.chunked and cut is None:
                self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
            if cut is not None and page.stall:
                time.sleep(page.stall)
            self.close_connection = True

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    httpd.block_on_close = False
    server = Server(httpd.server_address[1])
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
