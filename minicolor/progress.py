"""The progress bar: pictures per second, time left, the newest losses, and early on a word about how long it takes."""

import sys
import time

from tqdm import tqdm


def loss_names(row: dict) -> list[str]:
    """The step's own losses among a log row's columns: which there are is the recipe's business."""
    return [name for name in row if not name.startswith("val_") and name not in ("epoch", "minutes", "images_per_second")]


class Progress:
    """One bar over the whole run, in pictures. `rate` is pictures per second since this process began."""

    def __init__(self, total: int, done: int, quiet: bool):
        self.bar = tqdm(total=total, initial=done, unit=" pictures", disable=True if quiet else None, dynamic_ncols=True,
                        mininterval=0.5, smoothing=0.05, file=sys.stderr)
        self.total, self.done, self.first, self.began = total, done, done, time.monotonic()
        self.quiet, self.said = quiet, quiet                      # disable=None: no bar where stderr is not a terminal

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self.bar.close()

    @property
    def rate(self) -> float:
        return (self.done - self.first) / max(time.monotonic() - self.began, 1e-9)

    def update(self, pictures: int) -> None:
        self.done += pictures
        self.bar.update(pictures)
        if not self.said and time.monotonic() - self.began > 5:   # the first steps warm up; after 5 s the rate is fair
            self.said = True
            minutes = (self.total - self.done) / self.rate / 60
            self.bar.write(f"at {self.rate:.1f} pictures/s this takes about {max(minutes, 1):.0f} min", file=sys.stderr)

    def epoch(self, row: dict, epochs: int, figure: str) -> None:
        """One line for each epoch, in a terminal and in a log file alike. figure: the validation figure, in words."""
        if not self.quiet:
            losses = "  ".join(f"{name} {row[name]:.3f}" for name in loss_names(row))
            self.bar.write(f"epoch {row['epoch']}/{epochs}  validation {figure}  {losses}  {self.rate:.1f} pictures/s",
                           file=sys.stderr)

    def show(self, run: dict) -> None:
        losses = {name: f"{value / run['seen']:.3f}" for name, value in run["sums"].items()}
        self.bar.set_postfix(losses, refresh=False)
        self.bar.set_description(f"epoch {run['epoch'] + 1}", refresh=False)
