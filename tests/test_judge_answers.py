"""What was answered is never lost, never doubled and never another judge's; nothing that a judge gets says what is real."""

import io
import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from judged import begun
from PIL import Image

from minicolor.errors import BadInput
from minicolor.judging.answers import Answers


def version(answers, picture):
    """(photograph, version) as begun() painted it."""
    return Image.open(io.BytesIO(answers.png(picture))).getpixel((0, 0))[:2]


@pytest.mark.parametrize("pairs", [False, True])
def test_a_whole_judgment(tmp_path, pairs):
    answers = begun(tmp_path / "a.sqlite", photos=20, pairs=pairs)
    token, given = answers.judge("Ana"), []
    while (state := answers.state(token))["question"]:
        assert state["done"] == len(given) and state["total"] == 20 and state["name"] == "Ana"
        question = state["question"]
        assert len(question["pictures"]) == 1 + pairs and set(question) == {"id", "pictures"}
        choice = ("left", "right")[len(given) % 2] if pairs else ("real", "colored")[len(given) % 2]
        answers.answer(token, question["id"], choice, 1.5)
        given.append((choice, *(version(answers, p) for p in question["pictures"])))
    rows = answers.rows()
    assert [row["choice"] for row in rows] == [g[0] for g in given] and {row["seconds"] for row in rows} == {1.5}
    assert [(int(row["photo"][5:8]), row["left_version"] % 256) for row in rows] == [g[1] for g in given]
    assert len({row["photo"] for row in rows}) == 20, "a photograph came twice"
    if pairs:
        assert [(int(row["photo"][5:8]), row["right_version"] % 256) for row in rows] == [g[2] for g in given]


def test_who_comes_back_goes_on_and_capitals_do_not_matter(tmp_path):
    path = tmp_path / "a.sqlite"
    token = begun(path).judge("  Ana   María ")
    first = Answers(path)
    question = first.state(token)["question"]["id"]
    first.answer(token, question, "real", 2)
    again = Answers(path)
    assert again.judge("ana maría") == again.judge("ANA MARI\u0301A") == token != again.judge("Ana")
    assert again.state(token)["done"] == 1 and again.state(token)["question"]["id"] != question
    assert again.state(token)["name"] == "Ana María"


def test_the_first_answer_to_a_question_stays(tmp_path):
    answers = begun(tmp_path / "a.sqlite")
    token = answers.judge("Ana")
    question = answers.state(token)["question"]["id"]
    for choice in ("real", "colored", "colored"):
        answers.answer(token, question, choice, 1)
    assert [row["choice"] for row in answers.rows()] == ["real"]


def test_other_peoples_questions_and_other_answers_are_refused(tmp_path):
    answers = begun(tmp_path / "a.sqlite")
    ana, ben = answers.judge("Ana"), answers.judge("Ben")
    mine = answers.state(ana)["question"]["id"]
    for token, question, choice in ((ben, mine, "real"), ("nobody", mine, "real"), (ana, mine, "left"), (ana, mine, None),
                                    (ana, str(mine), "real"), (ana, 10**30, "real"), (ana, True, "real"), (ana, mine, ["real"])):
        with pytest.raises(BadInput, match="no such question"):
            answers.answer(token, question, choice, 1)
    assert answers.rows() == [] and answers.state("nobody") is None and answers.png("nothing") is None


@pytest.mark.parametrize("seconds", [None, "3", float("nan"), -1, 1e9])
def test_a_time_that_is_none_costs_no_answer(tmp_path, seconds):
    answers = begun(tmp_path / "a.sqlite")
    token = answers.judge("Ana")
    answers.answer(token, answers.state(token)["question"]["id"], "real", seconds)
    assert [row["seconds"] for row in answers.rows()] == [None]


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "=1+1", "@sum", "-1", "a\u0000b", "\u202eana"])
def test_names_that_are_none(tmp_path, name):
    with pytest.raises(BadInput, match="name or code"):
        begun(tmp_path / "a.sqlite").judge(name)


def test_many_judges_at_once(tmp_path):
    """Each thread plays a whole judgment through its own connection or a shared one; not an answer is missing."""
    path = tmp_path / "a.sqlite"
    shared = begun(path)
    failed = []

    def play(name, answers):
        try:
            token = answers.judge(name)
            while question := answers.state(token)["question"]:
                answers.answer(token, question["id"], "real", 1)
        except Exception as e:
            failed.append(e)

    threads = [threading.Thread(target=play, args=(f"judge {i}", shared if i % 2 else Answers(path))) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(shared.rows()) == 6 * 20
    first, second = ([r["photo"] for r in shared.rows() if r["judge"] == f"judge {i}"] for i in (0, 1))
    assert sorted(first) == sorted(second) and first != second


ANSWERING = """
import sys
from minicolor.judging.answers import Answers
answers = Answers(sys.argv[1])
token = answers.judge("Ana")
while question := answers.state(token)["question"]:
    answers.answer(token, question["id"], "real", 1)
    print(question["id"], flush=True)
"""


def test_a_kill_loses_no_answer_that_was_confirmed(tmp_path):
    path = tmp_path / "a.sqlite"
    begun(path, photos=250)
    with subprocess.Popen([sys.executable, "-c", ANSWERING, path], stdout=subprocess.PIPE, text=True) as process:
        confirmed = [process.stdout.readline() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        confirmed += process.stdout.read().splitlines()
    kept = len(Answers(path).rows())
    assert 20 <= len(confirmed) <= kept <= len(confirmed) + 1 and kept < 250


def test_ids_say_nothing(tmp_path):
    """Random, no two alike, the same in no two files; a PNG holds pixels alone, and all are of one length."""
    one, two = (begun(tmp_path / name) for name in ("a.sqlite", "b.sqlite"))
    ids = [{row[0] for row in answers.db.execute("SELECT id FROM picture")} for answers in (one, two)]
    assert len(ids[0] | ids[1]) == 2 * 2 * 20 and {len(i) for i in ids[0]} == {16}
    data = one.png(min(ids[0]))
    chunks, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        chunks.append(data[at + 4:at + 8])
        at += length + 12
    assert chunks == [b"IHDR", b"IDAT", b"IEND"] and len({len(one.png(picture)) for picture in ids[0]}) == 1


def test_stopped_while_beginning_nothing_has_begun(tmp_path):
    def versions(photo):
        if photo == 2:
            raise KeyboardInterrupt
        yield 0, b"png"

    answers = Answers(tmp_path / "a.sqlite")
    with pytest.raises(KeyboardInterrupt):
        answers.begin({"runs": [], "pairs": False}, "abc", versions)
    answers.close()
    again = Answers(tmp_path / "a.sqlite")
    assert again.about == {} and again.photos() == 0


def test_what_cannot_be_begun_is_one_sentence_and_nothing_has_begun(tmp_path):
    full = Answers(tmp_path / "full.sqlite")
    full.db.execute("PRAGMA max_page_count = 20")                # what a full disk says
    with pytest.raises(BadInput, match="full.sqlite: the pictures cannot be kept .*full"):
        full.begin({"runs": [], "pairs": False}, "abc", lambda photo: [(0, bytes(100_000))])
    assert full.about == {} and full.photos() == 0

    late, first = Answers(tmp_path / "a.sqlite"), begun(tmp_path / "a.sqlite")
    with pytest.raises(BadInput, match="the pictures cannot be kept"):
        late.begin({"runs": [], "pairs": True}, "abc", lambda photo: [])
    assert first.photos() == 20 and late.about == first.about


def damaged(path):
    begun(path).close()
    data = bytearray(path.read_bytes())
    data[5000:9000] = bytes(4000)
    path.write_bytes(data)


def foreign(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE recipes (cake TEXT)")


def newer(path):
    answers = begun(path)
    answers.db.execute("PRAGMA user_version = 2")
    answers.close()


@pytest.mark.parametrize("make,why", [
    (lambda p: p.write_bytes(b"not a database " * 100), "not a database"), (lambda p: p.mkdir(), "unable to open"),
    (damaged, "damaged|malformed"), (foreign, "another program's"), (newer, "of version 2, this program writes version 1"),
], ids=["text", "folder", "damaged", "foreign", "newer"])
def test_files_that_cannot_be_used_are_refused_and_left_alone(tmp_path, make, why):
    path = tmp_path / "a.sqlite"
    make(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(BadInput, match=rf"a\.sqlite: cannot be used to keep answers \(.*({why}).*\)"):
        Answers(path)
    assert before is None or path.read_bytes() == before


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be used to keep answers"):
        Answers(tmp_path / "file" / "a.sqlite")
