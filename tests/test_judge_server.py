"""The door and the server: nothing that must not be known is told, and what a user can mend is one sentence."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from judged import ROOT, begun, make_run, program

from minicolor import judge
from minicolor.judging.answers import Answers
from minicolor.judging.server import serve

pytest.importorskip("starlette", reason="starlette is not installed: pip install -e '.[test]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install -e '.[test]'")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "small")


def test_the_server_tells_nobody_what_it_should_not(tmp_path):
    begun(tmp_path / "a.sqlite", photos=20, runs=2).close()
    with program("--answers", tmp_path / "a.sqlite", "--port", 0) as one:
        status, body, headers = one.get("/")
        assert status == 200 and headers["content-security-policy"].startswith("default-src 'self'") and "Ana" not in body
        token = json.loads(one.get("/judge", {"name": "Ana"})[1])["judge"]
        state = json.loads(one.get(f"/judge/{token}/state")[1])
        assert set(state) == {"name", "done", "total", "question"} and set(state["question"]) == {"id", "pictures"}
        status, png, headers = one.get(f"/picture/{state['question']['pictures'][0]}")
        assert status == 200 and headers["content-type"] == "image/png" and not {"etag", "last-modified"} & {*headers}
        everything = body + one.get("/judge.js")[1] + one.get(f"/judge/{token}")[1] + json.dumps(state)
        assert not re.search(r"run1|run2|photo0|version", everything) and one.results.split("/")[-1] not in everything

        for path in ("/results", "/results/", "/results/x.csv", "/picture/1", "/judge/x/state", "/docs", "/..%2f..%2fetc/passwd"):
            assert one.get(path)[0] == 404, path
        assert one.get("/judge/x")[1] == body                                                  # an old address: back to the start
        assert one.get("/", Host="evil.example")[0] == 400                                     # a name that was bent to 127.0.0.1
        answer = json.dumps({"question": state["question"]["id"], "choice": "real", "seconds": 1}).encode()
        for data, kind in ((answer, "text/plain"), (b"[1]", "application/json"), (b"{", "application/json"),
                           (b"\xff", "application/json"), (b"[" * 4000, "application/json"),
                           (b" " * 5000 + answer, "application/json")):
            assert one.get(f"/judge/{token}/answer", data, **{"Content-Type": kind})[0] == 400, data
        for wrong in ({"name": ""}, {"name": 7}, {}, {"name": "=1"}):
            assert one.get("/judge", wrong)[0] == 400
        assert Answers(tmp_path / "a.sqlite").rows() == []
        assert one.get(f"/judge/{token}/answer", answer, **{"Content-Type": "application/json"})[0] == 200
        assert len(Answers(tmp_path / "a.sqlite").rows()) == 1


def test_an_answer_sent_twice_is_the_first_one_and_what_was_answered_is_not_asked_again(tmp_path):
    begun(tmp_path / "a.sqlite").close()
    with program("--answers", tmp_path / "a.sqlite", "--port", 0) as one:
        where = f"/judge/{json.loads(one.get('/judge', {'name': 'Ana'})[1])['judge']}"
        question = json.loads(one.get(f"{where}/state")[1])["question"]["id"]
        replies = [one.get(f"{where}/answer", {"question": question, "choice": choice, "seconds": 1})
                   for choice in ("colored", "real", "real")]
        assert [reply[0] for reply in replies] == [200] * 3 and len({reply[1] for reply in replies}) == 1
        assert json.loads(replies[0][1])["question"]["id"] != question and json.loads(replies[0][1])["done"] == 1
    assert [row["choice"] for row in Answers(tmp_path / "a.sqlite").rows()] == ["colored"]


def test_a_class_of_twenty_at_once(tmp_path):
    """As many questions as there are phones are on their way at any time; what each has said is there, and nothing else."""
    begun(tmp_path / "a.sqlite", photos=10).close()
    with program("--answers", tmp_path / "a.sqlite", "--port", 0) as one:

        def play(name):
            where, said = f"/judge/{json.loads(one.get('/judge', {'name': name})[1])['judge']}", []
            state = json.loads(one.get(f"{where}/state")[1])
            while question := state["question"]:
                assert one.get(f"/picture/{question['pictures'][0]}")[0] == 200
                said.append(("real", "colored")[hash((name, len(said))) % 2])
                state = json.loads(one.get(f"{where}/answer", {"question": question["id"], "choice": said[-1], "seconds": 1})[1])
            return name, said

        with ThreadPoolExecutor(20) as phones:
            given = dict(phones.map(play, [f"student {i}" for i in range(20)]))
        one.end(signal.SIGKILL)
    kept = {name: [] for name in given}
    for row in Answers(tmp_path / "a.sqlite").rows():
        kept[row["judge"]].append(row["choice"])
    assert kept == given and {len(said) for said in kept.values()} == {10}


def test_a_disk_that_cannot_keep_an_answer_says_so(tmp_path):
    begun(tmp_path / "a.sqlite").close()
    with program("--answers", tmp_path / "a.sqlite", "--port", 0) as one:
        token = json.loads(one.get("/judge", {"name": "Ana"})[1])["judge"]
        question = json.loads(one.get(f"/judge/{token}/state")[1])["question"]["id"]
        db = Answers(tmp_path / "a.sqlite").db
        db.execute("CREATE TRIGGER full BEFORE INSERT ON answer BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
        said = {"question": question, "choice": "real", "seconds": 1}
        status, body, _ = one.get(f"/judge/{token}/answer", said)
        assert status == 503 and "disk is full" in body
        db.execute("DROP TRIGGER full")
        assert one.get(f"/judge/{token}/answer", said)[0] == 200 and len(Answers(tmp_path / "a.sqlite").rows()) == 1


def refused(capsys, *arguments) -> str:
    """What the door says when it ends with 2: one sentence on stderr."""
    with pytest.raises(SystemExit) as e:
        judge.main([str(a) for a in arguments])
    said = capsys.readouterr().err
    assert e.value.code == 2 and said.startswith("error: ") and said.count("\n") == 1
    return said


def test_bad_input_is_one_sentence(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.sqlite").write_text("this is not a database at all")
    assert "name one RUN or more" in refused(capsys)
    assert "no trained run" in refused(capsys, "empty") and "no trained run" in refused(capsys, "nowhere")
    assert "cannot be used to keep answers" in refused(capsys, run, "--answers", "text.sqlite")
    assert "cannot be used to keep answers" in refused(capsys, run, "--answers", "empty")
    assert "no such folder" in refused(capsys, run, "--data", "nowhere")
    assert not list(tmp_path.glob("runs/*")), "a judgment that did not begin leaves no file"
    assert "at least 1" in refused(capsys, run, "--pictures", 0) and "--port 70000" in refused(capsys, run, "--port", 70000)
    assert "two of these are the same run" in refused(capsys, run, run)
    assert "invalid int value" in refused(capsys, run, "--port", "http")
    shutil.copytree(run, tmp_path / "lost")
    (tmp_path / "lost" / "split.json").unlink()
    assert "split.json" in refused(capsys, "lost")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install starlette uvicorn" in refused(capsys, run)


def test_a_file_of_another_judgment_is_refused(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    served = []
    monkeypatch.setattr(judge, "serve", lambda answers, *_: served.append(answers))
    judge.main([str(run), "--pictures", "9"])
    kept = Path("runs/judge-small.sqlite")
    assert kept.is_file() and served[-1].photos() == 9
    other = make_run(tmp_path / "other", seed=3)
    assert "other runs" in refused(capsys, other, "--answers", kept)
    assert "single pictures" in refused(capsys, run, "--answers", kept, "--pairs")
    assert "--pictures 9" in refused(capsys, run, "--pictures", 10)
    assert "the pictures that the runs were trained with" in refused(capsys, run, "--data", "elsewhere")
    judge.main([str(run)])
    judge.main(["--answers", str(kept)])
    assert served[-1].about == served[0].about
    judge.main([str(run), "--pairs", "--pictures", "9"])
    assert "of pairs" in refused(capsys, run, "--answers", "runs/judge-small-pairs.sqlite")


def test_a_port_that_is_taken_and_a_host_that_is_not_here(tmp_path, capsys):
    begun(tmp_path / "a.sqlite").close()
    with program("--answers", tmp_path / "a.sqlite", "--port", 0) as one:
        said = refused(capsys, "--answers", tmp_path / "a.sqlite", "--port", one.port)
        assert f"--port {one.port}" in said and "in use" in said and "name another --port" in said
    for host in ("203.0.113.1", "nowhere.invalid"):
        said = refused(capsys, "--answers", tmp_path / "a.sqlite", "--host", host, "--port", 0)
        assert f"--host {host}" in said and "cannot be listened on" in said and "of this machine" in said


def test_other_machines_are_let_in_only_loudly(tmp_path):
    begun(tmp_path / "a.sqlite").close()
    with program("--answers", tmp_path / "a.sqlite", "--port", 0) as one:
        assert one.address.startswith("http://127.0.0.1:") and "EVERYONE" not in one.said
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-m", "minicolor.judge", "--answers", tmp_path / "a.sqlite", "--port", "0", "--host",
                           "0.0.0.0"], env=env, stdout=subprocess.PIPE, text=True) as process:
        said = "".join(iter(process.stdout.readline, "Ctrl-C ends it\n"))
        process.kill()
    assert "EVERYONE who can reach this machine" in said
    address = re.search(r"judge +http://([^:]+):", said)[1]                   # one that others can type
    assert address not in ("0.0.0.0", "127.0.0.1", "localhost") and re.fullmatch(r"[\w.-]+", address)


def test_loopback_by_its_newer_name(tmp_path):
    begun(tmp_path / "a.sqlite").close()
    try:
        with program("--answers", tmp_path / "a.sqlite", "--port", 0, "--host", "::1") as one:
            assert one.address.startswith("http://[::1]:") and "EVERYONE" not in one.said and one.get("/")[0] == 200
            assert one.get("/", Host="evil.example")[0] == 400
    except AssertionError as e:
        if "cannot be listened on" in str(e):
            pytest.skip("this machine has no IPv6")
        raise


def test_whoever_is_told_the_address_can_call_at_once(tmp_path, monkeypatch):
    """A browser that is opened with the address must not be refused because the server starts a moment later."""
    def say(address):
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), timeout=5):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(begun(tmp_path / "a.sqlite"), "127.0.0.1", 0, say)


def test_going_on_waits_for_no_network(tmp_path):
    """A judgment that has begun holds its pictures: PyTorch is not even imported."""
    begun(tmp_path / "a.sqlite").close()
    code = ("import sys; from minicolor import judge; judge.serve = lambda *_: None; "
            f"judge.main(['--answers', {str(tmp_path / 'a.sqlite')!r}]); sys.exit('torch' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode == 0
