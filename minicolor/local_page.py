"""Where a local page is served: this machine alone unless told otherwise, and never to a name that is not its own.

    ready(...) first, then listen(application, ...) until Ctrl-C

A page of another web site, open in the same browser, can send requests to 127.0.0.1. It cannot hide where they come from:
browsers name the page's site (Origin, Sec-Fetch-Site) and the host that was called (Host); both must be ours.
"""

import asyncio
import errno
import logging
import os
import platform
import sys
import webbrowser
from collections.abc import Callable

from minicolor.errors import BadInput

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")
HOSTS = [*LOOPBACK, "[::1]", "["]                # the last: what older Starlette takes [::1]:8765 for; no name begins so


def ready(port: int, what: str) -> None:
    """BadInput for a port that is none, and where the packages that serve a page are missing: before any work is spent."""
    if not 0 <= port <= 65535:
        raise BadInput(f"--port {port}: expected 0 (any that is free) to 65535")
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise BadInput(f"{what} web page needs two more packages: pip install starlette uvicorn") from None


def warn(host: str, may: str) -> None:
    """Say it loudly where others can come, and what they can do."""
    if host not in LOOPBACK:
        print(f"\n*** --host {host}: EVERYONE who can reach this machine over the network can {may}.\n"
              "*** Nothing is encrypted. Without --host only this machine can.\n")


def show(address: str) -> None:
    """Open a browser, for a person at a terminal with a screen."""
    screen = sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.stdout.isatty() and screen:
        webbrowser.open(address)


def from_elsewhere(method: str, path: str, headers) -> bool:
    """Whether another site's page asks. Its links to our first page are welcome, nothing else; programs that are no browser
    say nothing about where they come from, and nobody can make them ask."""
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin")
    if site not in ("none", "same-origin") and (method, path) != ("GET", "/"):
        return True
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def listen(application, host: str, port: int, say: Callable[[str], None], other: str = "another page") -> None:
    """Serve until Ctrl-C; port 0 is any free one. say(address) is called once it is ours. BadInput: it cannot be had.

    other: what is perhaps there already.
    """
    import uvicorn

    config = uvicorn.Config(application, host=host, port=port, log_level="critical", access_log=False, server_header=False)
    try:
        socket = config.bind_socket()
    except SystemExit as e:                      # uvicorn ends the program; what the system said is behind that
        why = e.__context__
        hint = (f"{other} is perhaps served there: name another --port, or 0 for any that is free"
                if getattr(why, "errno", None) == errno.EADDRINUSE else "expected an address and a port of this machine")
        why = getattr(why, "strerror", None) or "not possible"
        raise BadInput(f"--host {host} --port {port}: cannot be listened on ({why.lower()}); {hint}") from None
    socket.listen()                              # who is told the address may call at once; the answer comes when the server runs
    shown = _own_address() if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)          # from here on what goes wrong is a bug, and is shown
    say(f"http://{shown}:{socket.getsockname()[1]}")
    try:
        uvicorn.Server(config).run(sockets=[socket])
    except KeyboardInterrupt:
        pass                                     # how it is meant to end


def _own_address() -> str:
    """This machine's address in its network, for others to type; its name where it has none."""
    async def ask():
        way, _ = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("192.0.2.1", 9))
        address = way.get_extra_info("sockname")[0]          # nothing is sent: the system only chooses where it would leave
        way.close()
        return address

    try:
        return asyncio.run(ask())
    except OSError:
        return platform.node()
