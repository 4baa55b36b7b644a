"""A download ends as the right file under its name or as one sentence: cut off, resumed, refused, never half and never mixed."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from serving import only_this_machine, serving

from minicolor.data import download as module
from minicolor.data.download import download
from minicolor.errors import BadInput, one_line

BODY = random.Random(0).randbytes(700_001)                         # more than two blocks, and no round number
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def nothing_but_this_machine(monkeypatch):
    """No test may reach the internet, and none waits between two tries."""
    only_this_machine(monkeypatch)
    monkeypatch.setattr(module, "WAITS", (0, 0, 0))


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def to(tmp_path):
    """Where the file shall come, with a file of the user's beside it that must survive."""
    (tmp_path / "mine.txt").write_text("mine")
    yield tmp_path / "file.bin"
    assert (tmp_path / "mine.txt").read_text() == "mine"


def part(to):
    return to.with_name("file.bin.part")


def refused(address, to, said, **expected) -> str:
    with pytest.raises(BadInput, match=said) as e:
        download(address, to, progress=False, **expected)
    assert "\n" not in str(e.value) and not to.exists()
    return str(e.value)


@pytest.mark.parametrize("how", [{}, {"chunked": True}, {"ranges": False}], ids=str)
@pytest.mark.parametrize("known", [{}, {"sha256": SHA}, {"sha256": SHA[:8]}, {"sha256": SHA, "size": len(BODY)}], ids=str)
def test_a_file_comes_whole_in_one_request(server, tmp_path, how, known):
    to = tmp_path / "new" / "folder" / "file.bin"
    assert download(server.put("a", BODY, **how), to, progress=False, **known) == to
    assert to.read_bytes() == BODY and os.listdir(to.parent) == ["file.bin"] and server.seen == [("/a", None)]


def test_an_empty_file_comes_too(server, to):
    assert download(server.put("a", b""), to, size=0, progress=False).read_bytes() == b""


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 262_144, 700_000])
def test_a_cut_connection_goes_on_where_it_ended(server, to, cut, chunked):
    download(server.put("a", BODY, cuts=[cut], chunked=chunked), to, sha256=SHA, size=len(BODY), progress=False)
    assert to.read_bytes() == BODY and not part(to).exists()
    kept = cut // module.BLOCK * module.BLOCK if chunked else cut    # Python drops the piece that a broken chunk began
    assert server.seen == [("/a", None), ("/a", f"bytes={kept}-" if kept else None)]


def test_a_server_without_ranges_starts_over_and_nothing_is_appended(server, to):
    download(server.put("a", BODY, cuts=[300_000], ranges=False), to, progress=False)   # no checksum would notice it
    assert to.read_bytes() == BODY and server.seen[1] == ("/a", "bytes=300000-")


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("known", [{}, {"sha256": SHA, "size": len(BODY)}], ids=["unknown", "known"])
@pytest.mark.parametrize("held", [0, 1, 262_144, 700_000, 700_001, 700_003])
def test_what_a_killed_download_left_is_used(server, to, ranges, known, held):
    part(to).write_bytes((BODY + b"xx")[:held])
    address = server.put("a", BODY, ranges=ranges)
    download(address, to, progress=False, **known)
    assert to.read_bytes() == BODY and not part(to).exists()
    if known and held == len(BODY):
        assert not server.seen                                      # it was whole: only its name was missing


def test_a_bad_line_is_no_obstacle_as_long_as_the_file_grows(server, to):
    download(server.put("a", BODY, cuts=[40_000] * 17), to, sha256=SHA, progress=False)
    assert to.read_bytes() == BODY and len(server.seen) == 18


def test_a_line_that_always_breaks_is_given_up_with_what_came(server, to):
    address = server.put("a", BODY, cuts=[50_000] + [0] * 9)
    said = refused(address, to, "broke off after 50,000 of 700,001 bytes; the first 50,000 bytes are kept", sha256=SHA)
    assert address in said and len(server.seen) == 1 + len(module.WAITS)
    server.pages["/a"].cuts.clear()
    assert download(address, to, sha256=SHA, progress=False).read_bytes() == BODY


def test_a_server_without_ranges_that_always_breaks_is_given_up(server, to):
    refused(server.put("a", BODY, ranges=False, cuts=[50_000] * 50), to, "broke off")
    assert len(server.seen) < 8


def test_a_promise_of_more_than_comes_is_an_error(server, to):
    refused(server.put("a", BODY, length=len(BODY) + 5, ranges=False), to, "broke off after 700,001 of 700,006 bytes")


def test_another_size_than_expected_is_noticed_before_anything_is_written(server, to):
    part(to).write_bytes(BODY[:1000])
    for ranges in (True, False):
        refused(server.put("a", BODY, ranges=ranges), to, "has 700,001 bytes, expected 800,000", size=800_000)
    assert part(to).read_bytes() == BODY[:1000]


def test_a_wrong_checksum_costs_the_part_and_nothing_else(server, to):
    part(to).write_bytes(b"of another file")
    refused(server.put("a", BODY), to, f"expected {SHA[:12]}", sha256=SHA, size=len(BODY))
    assert os.listdir(to.parent) == ["mine.txt"]
    assert download(server.put("a", BODY), to, sha256=SHA, progress=False).read_bytes() == BODY


def test_a_part_of_the_wrong_place_is_not_believed(server, to):
    part(to).write_bytes(BODY[:1000])
    download(server.put("a", BODY, shift=3), to, progress=False)
    assert to.read_bytes() == BODY


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_is_not_there_is_not_asked_for_twice(server, to, status):
    address = server.put("a", BODY, statuses=[status] * 9)
    assert address in refused(address, to, f"the server answers {status} ")
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_tired_server_is_asked_again(server, to, status):
    download(server.put("a", BODY, statuses=[status, status]), to, progress=False)
    assert to.read_bytes() == BODY and len(server.seen) == 3
    to.unlink()
    refused(server.put("b", BODY, statuses=[status] * 9), to, f"answers {status}")


@pytest.mark.parametrize(("kind", "text"), [
    ("text/html; charset=utf-8", b"please log in"), ("application/octet-stream", b"\n<!DOCTYPE html><html>log in</html>"),
    ("text/plain", b"<HTML><body>"),
])  # fmt: skip
def test_a_web_page_is_no_file(server, to, kind, text):
    part(to).write_bytes(BODY[:1000])
    refused(server.put("a", text * 200, kind=kind, ranges=False), to, "web page")
    assert part(to).read_bytes() == BODY[:1000]                      # yesterday's part is good tomorrow


def test_no_connection_is_one_sentence(server, to):
    with serving() as gone:
        address = gone.put("a", BODY)
    refused(address, to, "no connection")
    assert os.listdir(to.parent) == ["mine.txt"]


def test_a_silent_server_is_left(server, to, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    begin = time.monotonic()
    download(server.put("a", BODY, cuts=[300_000], stall=4), to, sha256=SHA, progress=False)
    assert to.read_bytes() == BODY and time.monotonic() - begin < 3


def test_a_right_file_is_left_alone_and_a_wrong_one_is_the_users(server, to):
    to.write_bytes(BODY)
    assert download(server.put("a", b"other"), to, sha256=SHA, size=len(BODY), progress=False) == to
    for known in ({"sha256": "0" * 64}, {"size": 3}):
        with pytest.raises(BadInput, match="already there and has"):
            download(server.put("a", b"other"), to, progress=False, **known)
    assert to.read_bytes() == BODY and not server.seen


def test_a_full_disk_keeps_the_systems_words_and_is_not_tried_again(server, to, monkeypatch, capsys):
    def write(file, block, path, real=module._write):
        if file.tell() > 300_000:
            raise OSError(28, "No space left on device", str(path))
        real(file, block, path)

    address = server.put("a", BODY)
    with monkeypatch.context() as context, pytest.raises(SystemExit) as e, one_line():
        context.setattr(module, "_write", write)
        download(address, to, sha256=SHA, progress=False)
    assert e.value.code == 2 and capsys.readouterr().err == (
        f"error: {part(to)}: no space left on device; nothing written before is lost\n")
    assert len(server.seen) == 1
    assert download(address, to, sha256=SHA, progress=False).read_bytes() == BODY


def run(code: str, *args) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", f"import sys\nfrom minicolor.data import download\n{code}", *map(str, args)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
def test_a_limit_of_the_system_is_one_sentence(server, to):
    code = ("import resource, signal\nfrom minicolor.errors import one_line\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
            "with one_line():\n    download.download(sys.argv[1], sys.argv[2], progress=False)")
    process = run(code, server.put("a", BODY), to)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and err == f"error: {part(to)}: file too large; nothing written before is lost\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_a_kill_costs_nothing_that_came(server, to, how):
    address = server.put("a", BODY, cuts=[600_000], stall=20)
    process = run("from minicolor.errors import one_line\nwith one_line():\n    download.download(sys.argv[1], sys.argv[2])",
                  address, to)
    until = time.monotonic() + 60
    while not (part(to).exists() and part(to).stat().st_size >= 524_288):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.05)
    process.send_signal(getattr(signal, how))
    _, err = process.communicate(timeout=60)
    assert how == "SIGKILL" or (process.returncode == 130 and "Traceback" not in err)
    assert not to.exists()
    download(address, to, sha256=SHA, progress=False)
    assert to.read_bytes() == BODY and int(server.seen[1][1][6:-1]) >= 524_288
