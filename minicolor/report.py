"""What a run leaves to look at: log.csv, strips of samples, results.json and one self-contained report.html."""

import base64
import csv
import html
import io
import json
import math
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.progress import loss_names

GAP = 4  # white pixels between the pictures of a strip


class Log:
    """log.csv, rewritten whole after each epoch so that a resumed run's file has no epoch twice; TensorBoard if asked."""

    def __init__(self, out: Path, tensorboard: bool = False):
        self.path, self.board, self.told = out / "log.csv", None, 0
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise BadInput("--tensorboard needs the package: pip install tensorboard") from None
            self.board = SummaryWriter(str(out / "tensorboard"))

    def write(self, history: list[dict]) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, fieldnames=list(history[-1]), lineterminator="\n")
        table.writeheader()
        table.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in history)
        write(self.path, text.getvalue().encode())

    def epoch(self, history: list[dict]) -> None:
        """The newest row, into both."""
        self.write(history)
        if self.board:
            for name, value in history[-1].items():
                self.board.add_scalar(name, value, history[-1]["epoch"])
            self.board.flush()


def strip(path: Path, pictures: list[Tensor]) -> None:
    """PNG, three rows: what the network sees, what it makes of it, the truth.

    pictures: for each row (N, 3, S, S) in [0, 1]. Small ones are enlarged to about 128 pixels by repeating them.
    """
    rows = [grid_row(x) for x in pictures]
    between = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    stacked = np.concatenate([r for row in rows for r in (row, between)][:-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, png(stacked))


def grid_row(pictures: Tensor) -> np.ndarray:
    """(N, 3, S, S) in [0, 1] -> (S', W, 3) uint8, side by side."""
    times = max(1, 128 // pictures.shape[-1])
    large = pictures.repeat_interleave(times, -1).repeat_interleave(times, -2)
    u8 = (large.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    between = np.full((u8.shape[1], GAP, 3), 255, np.uint8)
    return np.concatenate([p for picture in u8 for p in (picture, between)][:-1], axis=1)


def side_by_side(pictures: list[Tensor]) -> np.ndarray:
    """Pictures (3, S, S) in [0, 1] -> one (S', W, 3) uint8 with white between them."""
    return grid_row(torch.stack(pictures))


def picture_uri(u8: np.ndarray) -> str:
    """(H, W, 3) uint8 -> a PNG that stands in a page itself."""
    return _png(png(u8))


def png(u8: np.ndarray) -> bytes:
    png = io.BytesIO()
    Image.fromarray(u8).save(png, "PNG")
    return png.getvalue()


def write_json(path: Path, values: dict) -> None:
    write(path, (json.dumps(_finite(values), indent=2, allow_nan=False) + "\n").encode())


def _finite(value):
    """JSON has no infinity (the PSNR of an equal picture) and no nan: null stands for both."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def curves(history: list[dict], task, baselines: dict[str, float]) -> bytes:
    """PNG: the task's figure on the validation pictures against the answers to beat, and the losses by name, over epochs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # drawn without a screen and without pyplot's globals
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 3.4), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row[f"val_{task.figure}"] for row in history], "o-", ms=3, label="this run")
    for (name, words), color, style in zip(task.to_beat.items(), ("grey", "tab:brown"), ("--", ":")):
        left.axhline(baselines[name], color=color, ls=style, label=words)
    left.set(title=f"validation: {task.title} ({'higher' if task.higher else 'lower'} is better)", xlabel="epoch")
    if not task.higher:
        left.set_ylim(bottom=0)
    for name in loss_names(history[0]):
        right.plot(epochs, [row[name] for row in history], "o-", ms=3, label=name)
    # a Wasserstein critic's losses have any sign: linear around 0, logarithmic beyond
    negative = any(row[name] <= 0 for row in history for name in loss_names(history[0]))
    right.set(title="training losses", xlabel="epoch")
    if negative:
        right.set_yscale("symlog", linthresh=0.01)
    else:
        right.set_yscale("log")
    for axes in (left, right):
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def page(path: Path, results: dict, task, recipe_comments: dict[str, str], strip_path: Path) -> None:
    """One HTML file with everything inside it: figures, strip, curves, settings, environment."""
    test, recipe = results["test"], results["recipe"]
    counts = results["counts"]
    sections = [
        f"<h1>{_e(recipe['name'])} <small>experiment {_e(results['experiment'])}</small></h1>",
        f"<p>{_e(results['data'])}: {counts['train']} pictures trained on, {counts['val']} to validate, {counts['test']} "
        f"to test, {recipe['size']}×{recipe['size']} pixels. {results['epochs']} epochs in {results['minutes']:.1f} "
        f"minutes; the best was epoch {results['best_epoch']}. {_e(recipe['source'])}.</p>",
        f"<h2>On the {counts['test']} test pictures</h2>{_table(task.facts(test))}",
        "<h2>Held-out samples</h2><p>What the network sees, what it makes of it, the truth.</p>"
        "<img alt='three rows of pictures: what the network sees, what it answers, the truth' "
        f"src='{_png(strip_path.read_bytes())}'>",
        "<h2>Curves</h2><img alt='curves of validation error and training losses over epochs' "
        f"src='{_png(curves(results['history'], task, results['validation_baselines']))}'>",
        "<h2>Settings</h2>" + _table([(k, v, recipe_comments.get(k, "")) for k, v in recipe.items() if k != "source"]),
        "<h2>Environment</h2>" + _table([(k, v) for k, v in results["environment"].items()]
                                        + [("device", results["device"]), ("precision", results["precision"])]),
    ]
    style = ("body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
             "img{max-width:100%}table{border-collapse:collapse}td{padding:.2rem 1rem .2rem 0;border-top:1px solid #ddd;"
             "vertical-align:top;overflow-wrap:anywhere}td+td+td{color:#666}small{color:#666;font-weight:normal}")
    write(path, ("<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' "
                  f"content='width=device-width'><title>{_e(recipe['name'])} · minicolor</title><style>{style}</style>"
                  + "".join(sections) + "</html>\n").encode())


def _table(rows) -> str:
    return "<table>" + "".join("<tr>" + "".join(f"<td>{_e(str(c))}</td>" for c in r) + "</tr>" for r in rows) + "</table>"


def _e(text: str) -> str:
    return html.escape(text)


def _png(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def write(path: Path, data: bytes) -> None:
    """Whole or not at all: a reader never sees half a file, and a full disk leaves the old one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
