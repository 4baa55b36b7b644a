"""The studio's door and server: other sites get nothing, limits hold, nothing stays, and what cannot be is one sentence."""

import io
import json
import os
import re
import signal
import socket
import sys
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from developed import make_runs, photograph, studio
from PIL import Image, PngImagePlugin
from skimage.color import rgb2lab

from minicolor import studio as door
from minicolor.darkroom import developing
from minicolor.data import photos
from minicolor.errors import BadInput

pytest.importorskip("starlette", reason="starlette is not installed: pip install -e '.[test]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install -e '.[test]'")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return make_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def one(runs):
    with studio(runs, "--largest", 2, "--pixels", 1) as program:
        yield program


def picture(one, id, form):
    data, headers = one.raw(f"/photo/{id}/result.{form}")
    im = Image.open(io.BytesIO(data))
    return np.asarray(im.convert("RGB")), headers, im.info.get("Comment")


def memory(process: int) -> int:
    """Bytes that it holds now."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_photograph_goes_through_the_stages_that_are_on(one):
    id = (opened := one.send(photograph(90, 120)))["id"]
    assert (opened["width"], opened["height"], opened["error"], opened["result"]) == (120, 90, "", None)
    before = Image.open(io.BytesIO(one.raw(f"/photo/{id}/before.jpg")[0]))
    assert before.format == "JPEG" and before.size == (120, 90)

    state = one.restore(id, color=True)
    assert state["error"] == "" and set(state["result"]["seconds"]) == {"grey", "color"}
    colored, headers, _ = picture(one, id, "png")
    assert headers["content-disposition"].startswith('attachment; filename="photo-restored.png"')
    grey = np.asarray(Image.open(io.BytesIO(photograph(90, 120))).convert("RGB"))
    lab, was = rgb2lab(colored), rgb2lab(grey)
    assert np.abs(lab[..., 0] - was[..., 0]).max() < 1 and np.median(lab[..., 1]) > 5
    pale = one.restore(id, color=True, saturation=0)
    assert pale["result"]["number"] == 2 and np.ptp(picture(one, id, "png")[0].astype(int), axis=2).max() <= 1

    state = one.restore(id, color=True, denoise=True, enlarge=True, strength=0.5, size=64)
    assert set(state["result"]["seconds"]) == {"grey", "denoise", "color", "enlarge"}
    assert (state["result"]["width"], state["result"]["height"]) == (240, 180)
    for form, kind in (("jpg", "JPEG"), ("png", "PNG"), ("tif", "TIFF"), ("webp", "WEBP")):
        data, headers = one.raw(f"/photo/{id}/result.{form}")
        packed = Image.open(io.BytesIO(data))
        assert packed.format == kind and packed.size == (240, 180) and headers["content-type"] == f"image/{kind.lower()}"
    assert Image.open(io.BytesIO(one.raw(f"/photo/{id}/after.jpg")[0])).size == (240, 180)


def test_a_name_from_anywhere_comes_back_as_a_name(one):
    for sent, stem in (("祖母 1912.jpg", "祖母 1912"), ("../../etc/passwd", "passwd"), ("C:\\scans\\x.tif", "x"),
                       ("", "photograph"), ('a"\r\nSet-Cookie: x=1.png', 'a"Set-Cookie: x=1'), ("...", "photograph"),
                       ("n" * 5000 + ".jpg", "n" * 150)):
        id = one.send(photograph(), quote(sent))["id"]
        one.restore(id, crop=True)
        headers = one.raw(f"/photo/{id}/result.png")[1]
        named = headers["content-disposition"]
        assert named.endswith(f"filename*=UTF-8''{quote(stem + '-restored.png', safe='')}"), sent
        assert "set-cookie" not in headers and named.count('"') == 2


def test_sixteen_bits_and_all_that_a_scan_says_of_itself_come_back(one):
    """Oracle: tifffile and Pillow read what the studio wrote."""
    tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed: pip install -e '.[test]'")
    scan, ramp = io.BytesIO(), np.linspace(9000, 52000, 64 * 80).astype(np.uint16).reshape(64, 80)
    tifffile.imwrite(scan, ramp, description="Grandmother, 1912", datetime="1912:05:01 12:00:00")
    id = (opened := one.send(scan.getvalue(), "scan.tif"))["id"]
    assert opened["deep"] is True
    one.restore(id, color=True)
    data, _ = one.raw(f"/photo/{id}/result.tif")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        out = page.asarray()
        assert out.dtype == np.uint16 and out.shape == (64, 80, 3) and page.description == "Grandmother, 1912"
        assert len(np.unique(out[..., 1])) > 4000                           # not 8 bits made wide
    assert Image.open(io.BytesIO(one.raw(f"/photo/{id}/result.jpg")[0])).getexif()[0x010E] == "Grandmother, 1912"
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", "found in the attic")
    id = one.send(photograph(pnginfo=said))["id"]
    one.restore(id, color=True)
    assert picture(one, id, "png")[2] == "found in the attic"


def test_what_is_too_large_or_no_picture_is_one_sentence_and_the_limit_is_on_the_bytes(one):
    status, body, _ = one.get("/photo?name=x.png", bytes(2_000_001), **{"Content-Type": "application/octet-stream"})
    assert status == 413 and "too large" in json.loads(body)["error"]
    with socket.create_connection(("127.0.0.1", one.port), 60) as s:
        s.sendall(b"POST /photo?name=x HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        held = memory(one.process.pid)
        for _ in range(1024):                                        # does not say how long it is, and goes on
            s.sendall(b"%x\r\n%s\r\n" % (1 << 16, bytes(1 << 16)))
        assert memory(one.process.pid) - held < 16 << 20             # of 64 MB
        s.sendall(b"0\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 413 ")
    for data, says in ((b"<html>not found</html>", "is not a picture"), (photograph()[:200], "damaged or cut off"),
                       (b"", "empty"), (photograph(1000, 1001), "1001 x 1000 pixels; the studio takes up to 1 million")):
        state = one.send(data)
        assert says in state["error"] and state["error"].count("\n") == 0
        assert one.get(f"/photo/{state['id']}", None)[0] == 200
    assert one.send(photograph(1000, 1000))["error"] == ""


ON = {"color": True}


@pytest.mark.parametrize("said", [{"color": "yes"}, ON | {"size": 7}, ON | {"size": 64.5}, ON | {"size": True}, ON | {"hue": 1},
                                  ON | {"saturation": 3}, ON | {"strength": -1}, ON | {"saturation": float("nan")}, [], 7, None,
                                  {"color": False}, {}],
                         ids=lambda said: json.dumps(said))
def test_settings_that_mean_nothing_are_one_sentence(one, said):
    id = one.send(photograph())["id"]
    status, body, _ = one.get(f"/photo/{id}/restore", json.dumps(said).encode())
    assert status == 400 and len(json.loads(body)["error"]) > 20
    assert one.wait(id)["result"] is None


def test_pages_of_other_sites_get_nothing(one):
    id, headers = one.send(photograph())["id"], {"Content-Type": "application/octet-stream"}
    for foreign in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "same-site"}):
        assert one.get("/photo?name=x", photograph(), **headers | foreign)[0] == 403, foreign
        for path in (f"/photo/{id}", f"/photo/{id}/before.jpg", "/studio.js"):
            assert one.get(path, **foreign)[0] == 403, (path, foreign)
    assert one.get("/", **{"Sec-Fetch-Site": "cross-site"})[0] == 200                       # a link to the studio
    ours = {"Origin": one.address, "Sec-Fetch-Site": "same-origin"}
    assert one.get("/photo?name=x", photograph(), **headers | ours)[0] == 200
    assert one.get("/", Host="evil.example")[0] == 400                                       # a name that was bent to 127.0.0.1
    status, body, headers = one.get("/")
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'" and policy["script-src"] == "'self'"
    assert "access-control-allow-origin" not in headers and headers["cache-control"] == "no-store"
    assert not re.search(r"(?:src|href)='(?!/|data:)|style=|onclick|<script>", body)         # nothing that the policy would stop


def test_nothing_is_there_that_was_not_made_or_was_forgotten(one):
    id = one.send(photograph())["id"]
    for path in ("/photo", "/photo/", "/photo/x", "/photo/x/before.jpg", f"/photo/{id}/after.jpg", f"/photo/{id}/result.jpg",
                 f"/photo/{id}/result.exe", "/docs", "/..%2f..%2fetc/passwd", "/photo/..%2f..%2fetc"):
        status, body, _ = one.get(path)
        assert status in (404, 405) and json.loads(body)["error"], path
    request = urllib.request.Request(f"{one.address}/photo/{id}", method="DELETE")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as reply:
        assert reply.status == 204
    assert one.get(f"/photo/{id}")[0] == 404 and one.get(f"/photo/{id}/restore", {"color": True})[0] == 404


def test_nothing_is_left_on_the_disk_and_it_ends_at_once(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with studio(runs) as one:
        id = one.send(photograph())["id"]
        one.restore(id, color=True)
        one.raw(f"/photo/{id}/result.tif")
        id = one.send(photograph(1500, 2000))["id"]
        one.get(f"/photo/{id}/restore", {"denoise": True, "color": True, "enlarge": True})
        assert json.loads(one.get(f"/photo/{id}")[1])["state"] == "restoring"                  # in the middle of it
        assert one.end(signal.SIGINT) == 0 and "no photograph was kept" in one.said and "Traceback" not in one.errors
    assert list(tmp_path.iterdir()) == []


def test_a_file_to_keep_never_sees_the_disk(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("the disk")

    monkeypatch.setattr(tempfile, "mkdtemp", fail)
    monkeypatch.setattr("builtins.open", fail)
    studio, result = developing.Studio(None, 10**6), photos.Photo(np.full((1, 16_384, 3), 9, np.uint8), None, ())
    for form in "jpg", "png", "tif":
        name, data = studio.encode("Oma.png", result, form)
        assert name == f"Oma-restored.{form}" and (photos.decode(data, name).rgb == 9).all()
    with pytest.raises(BadInput, match="^Oma-restored.webp: WEBP holds at most 16383"):
        studio.encode("Oma.png", result, "webp")


def refused(capsys, *arguments) -> str:
    """What the door says when it ends with 2: one sentence on stderr."""
    with pytest.raises(SystemExit) as e:
        door.main([str(a) for a in arguments])
    said = capsys.readouterr().err
    assert e.value.code == 2 and said.startswith("error: ") and said.count("\n") == 1
    return said


def test_bad_input_is_one_sentence(runs, one, tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    assert "name at least one run" in refused(capsys)
    assert "best.pt" in refused(capsys, "--run", tmp_path / "empty")
    assert "dncnn" in refused(capsys, "--run", runs["denoise"]) and "pix2pix_lab" in refused(capsys, "--denoise", runs["color"])
    assert "--port 70000" in refused(capsys, "--run", runs["color"], "--port", 70000)
    assert "--largest 0" in refused(capsys, "--run", runs["color"], "--largest", 0)
    assert "--pixels 101" in refused(capsys, "--run", runs["color"], "--pixels", 101)
    assert "--device tpu" in refused(capsys, "--run", runs["color"], "--device", "tpu")
    said = refused(capsys, "--run", runs["color"], "--port", one.port)
    assert "in use" in said and "another studio is perhaps served there" in said
    assert "of this machine" in refused(capsys, "--run", runs["color"], "--host", "203.0.113.1", "--port", 0)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install starlette uvicorn" in refused(capsys, "--run", runs["color"])


def test_only_the_runs_that_there_are_and_other_machines_only_loudly(runs, one):
    assert one.address.startswith("http://127.0.0.1:") and "EVERYONE" not in one.said
    with studio({"denoise": runs["denoise"]}, "--host", "0.0.0.0") as other:
        assert "EVERYONE who can reach this machine" in other.said
        assert not re.search("//(0[.]0[.]0[.]0|127[.]|localhost)", other.address)               # one that others can type
        other.address = f"http://127.0.0.1:{other.port}"
        body = other.get("/")[1]
        assert len(re.findall("disabled", body)) == 2 and body.count("no run was given") == 2
        id = other.send(photograph())["id"]
        status, body, _ = other.get(f"/photo/{id}/restore", {"color": True})
        assert status == 400 and "without a run" in json.loads(body)["error"]
        assert other.restore(id, denoise=True)["result"]["number"] == 1
