"""What a user can mend is one line and exit code 2; what is our bug keeps its traceback."""

import errno

import pytest

from minicolor.errors import BadInput, Parser, one_line


@pytest.mark.parametrize(("error", "said"), [
    (BadInput("a.png: two\n  lines"), "error: a.png: two lines\n"),
    (OSError(errno.ENOSPC, "No space left on device", "runs/last.pt"),
     "error: runs/last.pt: no space left on device; nothing written before is lost\n"),
    (PermissionError(errno.EACCES, "Permission denied", "out"), "error: out: permission denied\n"),
])  # fmt: skip
def test_one_line_and_exit_code_2(capsys, error, said):
    with pytest.raises(SystemExit) as e, one_line():
        raise error
    assert e.value.code == 2 and capsys.readouterr().err == said


def test_a_bug_is_not_hidden():
    with pytest.raises(ZeroDivisionError), one_line():
        1 / 0  # noqa: B018


def test_ctrl_c_exits_with_130(capsys):
    with pytest.raises(SystemExit) as e, one_line():
        raise KeyboardInterrupt
    assert e.value.code == 130 and "Traceback" not in capsys.readouterr().err


def test_a_wrong_flag_is_a_sentence_not_a_page():
    with pytest.raises(BadInput, match="--nonsense.*--help"):
        Parser(prog="x").parse_args(["--nonsense"])
