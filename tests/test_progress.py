"""The bar counts pictures, says early how long it takes, and one line per epoch reaches a log file too."""

from minicolor import progress
from minicolor.progress import Progress, loss_names

ROW = {"epoch": 2, "d_real": 0.5, "mse": 0.25, "val_ab_rmse": 12.0, "val_psnr": 20.0, "minutes": 1.0, "images_per_second": 9.0}


def test_losses_are_what_is_left_of_a_row():
    assert loss_names(ROW) == ["d_real", "mse"]


def test_an_epoch_is_one_line_without_a_terminal(capsys):
    with Progress(100, 0, quiet=False) as bar:
        bar.update(50)
        bar.epoch(ROW, 4, "ab-RMSE 12.00 (left grey 25.00)")
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "epoch 2/4" in said and "mse 0.250" in said
    assert "validation ab-RMSE 12.00 (left grey 25.00)" in said and "val_" not in said


def test_the_expected_time_comes_from_the_rate(capsys, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with Progress(10_000, 4000, quiet=False) as bar:                # resumed: 6000 pictures are left
        now += 10.0
        bar.update(100)                                            # 10 a second: 5900 more take 9.8 minutes
        assert bar.rate == 10.0
    assert "10 min" in capsys.readouterr().err


def test_quiet_says_nothing(capsys):
    with Progress(10, 0, quiet=True) as bar:
        bar.update(10)
        bar.epoch(ROW, 4, "ab-RMSE 12.00")
    assert capsys.readouterr() == ("", "")
