"""python -m minicolor.data.download: weights and data sets end where they are looked for; a mistake is one line, exit code 2."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from serving import only_this_machine, serving

from minicolor import weights
from minicolor.data import download as module
from minicolor.data import sets, unpack
from minicolor.errors import BadInput


@pytest.fixture(autouse=True)
def nothing_but_this_machine(tmp_path, monkeypatch):
    """No test may reach the internet, and each has a cache of its own."""
    only_this_machine(monkeypatch)
    monkeypatch.setattr(module, "WAITS", (0, 0, 0))
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def server():
    with serving() as running:
        yield running


def saved(value) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def tgz(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def zipped(path: Path, *names: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"picture")
    return path


@pytest.fixture
def resnet18(server, monkeypatch):
    """The row of resnet18, served by this machine."""
    data = saved({"w": torch.arange(9.0)})
    address = server.put("resnet18-f37072fd.pth", data)
    row = replace(weights.WEIGHTS["resnet18"], address=address, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    monkeypatch.setitem(weights.WEIGHTS, "resnet18", row)
    return row


TRAIN = [f"imagenette2-320/train/n01440764/{i}.JPEG" for i in range(5)]


@pytest.fixture
def imagenette(server, monkeypatch):
    """The row of imagenette, served by this machine."""
    data = tgz({name: os.urandom(9000) for name in [*TRAIN, "imagenette2-320/val/n01440764/9.JPEG"]})
    address = server.put("imagenette2-320.tgz", data)
    row = replace(sets.SETS["imagenette"], address=address, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    monkeypatch.setitem(sets.SETS, "imagenette", row)
    return row, data


def main(monkeypatch, *args) -> None:
    monkeypatch.setattr(sys, "argv", ["download", *map(str, args)])
    module.main()


def test_weights_come_and_are_found_and_come_only_once(server, monkeypatch, resnet18, capsys):
    with pytest.raises(BadInput):
        weights.load("resnet18")
    for _ in range(2):
        main(monkeypatch, "weights", "resnet18")
        assert capsys.readouterr().out == f"{resnet18.path}\n"
    assert torch.equal(weights.load("resnet18")["w"], torch.arange(9.0)) and len(server.seen) == 1


def test_names_are_looked_at_before_anything_is_fetched(server, monkeypatch, resnet18, capsys):
    with pytest.raises(SystemExit) as e:
        main(monkeypatch, "weights", "resnet18", "resnet81")
    assert e.value.code == 2 and not server.seen and "nearest names are resnet18" in capsys.readouterr().err


def test_a_data_set_comes_whole_and_only_once(server, monkeypatch, imagenette, capsys):
    row, _ = imagenette
    for _ in range(2):
        main(monkeypatch, "data", "imagenette")
        said = capsys.readouterr()
        assert said.out == f"{row.folder / 'imagenette2-320' / 'train'}\n" and row.terms in said.err
    assert sets.locate("imagenette") == row.folder / "imagenette2-320" / "train"
    assert os.listdir(row.folder) == ["imagenette2-320"] and len(server.seen) == 1     # the archive was ours, and is gone


def test_a_data_set_comes_where_it_is_told_to_and_nothing_there_is_touched(server, monkeypatch, imagenette, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_bytes(b"mine")
    main(monkeypatch, "data", "imagenette", "--to", tmp_path / "mine")
    assert sorted(os.listdir(tmp_path / "mine")) == ["imagenette2-320", "photo.jpg"]
    assert not sets.SETS["imagenette"].folder.exists()
    assert sets.pictures(tmp_path / "mine") == tmp_path / "mine" / "imagenette2-320" / "train"


def test_an_archive_that_is_already_there_is_unpacked_without_a_connection_and_stays(server, monkeypatch, imagenette):
    row, data = imagenette
    row.folder.mkdir(parents=True)
    (row.folder / "imagenette2-320.tgz").write_bytes(data)
    main(monkeypatch, "data", "imagenette")
    assert not server.seen and sorted(os.listdir(row.folder)) == ["imagenette2-320", "imagenette2-320.tgz"]


def test_a_wrong_archive_that_is_already_there_is_the_users(server, monkeypatch, imagenette, capsys):
    row, data = imagenette
    row.folder.mkdir(parents=True)
    (row.folder / "imagenette2-320.tgz").write_bytes(data[:-1])
    with pytest.raises(SystemExit):
        main(monkeypatch, "data", "imagenette")
    assert "is already there and has" in capsys.readouterr().err
    assert (row.folder / "imagenette2-320.tgz").read_bytes() == data[:-1] and not server.seen


def test_after_a_failure_while_unpacking_the_same_command_finishes(server, monkeypatch, imagenette, capsys):
    def full(file, archive):
        raise OSError(28, "No space left on device", "x")

    row, _ = imagenette
    with monkeypatch.context() as context, pytest.raises(SystemExit) as e:
        context.setattr(unpack, "_read", full)
        main(context, "data", "imagenette")
    assert e.value.code == 2 and os.listdir(row.folder) == ["imagenette2-320.tgz"]
    with pytest.raises(BadInput, match="is not in"):
        sets.locate("imagenette")
    main(monkeypatch, "data", "imagenette")
    assert sets.locate("imagenette").is_dir() and len(server.seen) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_kill_while_unpacking_leaves_no_half_set(tmp_path):
    folder = sets.SETS["celeba"].folder
    zipped(folder / "img_align_celeba.zip", *(f"img_align_celeba/{i:06}.jpg" for i in range(1, 40)))
    slow = ("import sys, time\nfrom minicolor.data import unpack, download\nread = unpack._read\n"
            "unpack._read = lambda *a: time.sleep(0.05) or read(*a)\ndownload.get_data('celeba')")
    process = subprocess.Popen([sys.executable, "-c", slow])
    until = time.monotonic() + 60
    while not list((folder / unpack.UNFINISHED).glob("*/00000[5-9].jpg")):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(BadInput, match="is not in"):
        sets.locate("celeba")
    assert module.get_data("celeba", progress=False) == folder / "img_align_celeba" == sets.locate("celeba")
    assert len(list((folder / "img_align_celeba").iterdir())) == 39
    assert sorted(os.listdir(folder)) == ["img_align_celeba", "img_align_celeba.zip"]


@pytest.mark.parametrize(("name", "archive", "names", "train"), [
    ("celeba", "archive.zip", ["img_align_celeba/img_align_celeba/000001.jpg", "list_bbox_celeba.csv"],
     "archive/img_align_celeba/img_align_celeba"),
    ("flickr30k", "archive.zip", ["flickr30k_images/1.jpg", "flickr30k_images/results.csv"], "flickr30k_images"),
    ("landscapes", "archive.zip", ["landscape Images/color/0.jpg", "landscape Images/gray/0.jpg"], "landscape Images/color"),
])  # fmt: skip
def test_what_the_user_fetched_from_behind_a_login_is_unpacked(name, archive, names, train):
    folder = sets.SETS[name].folder
    zipped(folder / archive, *names)
    assert module.get_data(name, progress=False) == folder / train == sets.locate(name)


def test_another_archive_than_the_sets_is_said(monkeypatch, capsys):
    zipped(sets.SETS["celeba"].folder / "img_align_celeba.zip", "holiday/1.jpg")
    with pytest.raises(SystemExit) as e:
        main(monkeypatch, "data", "celeba")
    assert e.value.code == 2 and "holds no img_align_celeba: it is another archive" in capsys.readouterr().err


PROXIES = ("http_proxy", "https_proxy")                             # port 1: there nobody listens, so a process gets nowhere


def run(*args, **env) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "minicolor.data.download", *map(str, args)], capture_output=True, text=True,
                          timeout=100, env={**os.environ, **dict.fromkeys(PROXIES, "http://127.0.0.1:1"), **env})


def refused(done: subprocess.CompletedProcess) -> str:
    """The line that begins with error: is the last one, the only one of its kind, and nothing was promised on stdout."""
    *before, last = done.stderr.splitlines()
    assert done.returncode == 2 and not done.stdout and last.startswith("error: "), done.stderr
    assert not any(line.startswith(("error", "Traceback", "  ")) for line in before)
    return last


def test_a_real_process_lists_everything():
    done = run("--list")
    assert done.returncode == 0 and not done.stderr
    for row in [*weights.WEIGHTS.values(), *sets.SETS.values()]:
        assert f"  {row.name} (" in done.stdout
    assert "4. run `python -m minicolor.data.download data celeba`" in done.stdout and "never reference LPIPS" in done.stdout


@pytest.mark.parametrize(("args", "said"), [
    ([], "--help"), (["weights"], "NAME"), (["weights", "resnet"], "resnet18"), (["data", "flickr"], "flickr30k"),
    (["weights", "squeezenet1_1_keras"], "nobody serves them"), (["data", "landscapes"], "(1) log in at kaggle.com"),
    (["films", "x"], "invalid choice"),
])  # fmt: skip
def test_mistakes_of_the_user_are_one_line(monkeypatch, capsys, args, said):
    with pytest.raises(SystemExit) as e:
        main(monkeypatch, *args)
    out, err = capsys.readouterr()
    assert e.value.code == 2 and not out and said in err.splitlines()[-1] and err.splitlines()[-1].startswith("error: ")


def test_a_real_process_through_a_proxy_refuses_what_is_not_the_file(server, tmp_path):
    """images.cocodataset.org is asked for through a proxy, which is our server: it has another file of that name."""
    server.put("zips/val2017.zip", b"PK another file")
    said = refused(run("data", "coco_val", "--to", tmp_path / "coco", http_proxy=server.address))
    assert "http://images.cocodataset.org/zips/val2017.zip: the server has 15 bytes, expected 815,585,330" in said
    assert server.seen == [("/zips/val2017.zip", None)] and os.listdir(tmp_path / "coco") == []


def test_a_real_process_without_a_connection_is_one_line(tmp_path):
    said = refused(run("weights", "lpips_alex"))
    assert "no connection" in said and weights.WEIGHTS["lpips_alex"].address in said
