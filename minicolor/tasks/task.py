"""What a task is: pictures -> a question and its answer, figures for a network's answers, and the answers that it has to beat.

Training, evaluation and colorize ask through the same prepare(), so that a network is never shown another kind of picture
in use than it learned from. Pictures come as bytes (N, 3, S, S), where a task needs more (a mask) with a fourth plane.
"""

import math
from collections.abc import Iterable

from torch import Tensor

from minicolor.data.pairs import prepare
from minicolor.metrics.psnr import psnr as unbounded_psnr


class Task:
    """Every method but common() and facts() is each task's own. Figures are per picture, shown pictures in [0, 1]."""

    figure = ""                  # the one of figures() that picks the best epoch
    higher = False               # whether more of it is better
    title = ""                   # the figure in words, with its unit
    to_beat: dict[str, str] = {}  # which of naive() are answers to beat, in words; the first is THE baseline
    protocol = ""                # what a reader of the figures must know
    multiple = 1                 # sides of a photograph must be multiples of this beside what the network asks for

    def prepare(self, pictures: Tensor, seed: int = 0, ids: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, C, S, S), uint8 or float in [0, 1] -> input x and answer y. seed and ids say which noise a picture gets."""
        raise TypeError(f"{type(self).__name__} is missing its prepare()")

    @property
    def question(self) -> tuple:
        """What two runs must have in common for their figures to be comparable, beside the pictures."""
        return type(self).__name__, *sorted(vars(self).items())

    def figures(self, pictures: Tensor, x: Tensor, y: Tensor, output: Tensor) -> dict[str, Tensor]:
        """By name, (N,): how good each answer is."""
        raise TypeError(f"{type(self).__name__} is missing its figures()")

    def common(self, batches: Iterable[Tensor]) -> Tensor | None:
        """What one may know of all training pictures without looking at the question, such as their mean color."""
        return None

    def naive(self, pictures: Tensor, x: Tensor, y: Tensor, common: Tensor | None) -> dict[str, Tensor]:
        """By name, (N,): figures of answers that take no learning."""
        raise TypeError(f"{type(self).__name__} is missing its naive()")

    def show(self, pictures: Tensor, x: Tensor, y: Tensor, output: Tensor) -> list[Tensor]:
        """Rows of a strip, each (N, 3, S, S) in [0, 1]: what the network sees, what it makes of it, the truth."""
        raise TypeError(f"{type(self).__name__} is missing its show()")

    def untouched(self, pictures: Tensor, x: Tensor) -> Tensor | None:
        """The question as a picture (N, 3, S, S) in [0, 1], what any restored one has to beat; None where answers are none."""
        return None

    def facts(self, test: dict[str, float]) -> list[tuple[str, str, str]]:
        """Rows for a run's page: name, value, remark."""
        rows = [(self.title, f"{test[self.figure]:.4g}", "higher is better" if self.higher else "lower is better")]
        return rows + [(f"… {words}", f"{test[name]:.4g}", "") for name, words in self.to_beat.items()]

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is the better value of the figure. Any is better than one that is not a number."""
        return math.isnan(other) or (one > other if self.higher else one < other)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """metrics/psnr.py's, but at most 100 dB: one picture that was met exactly must not make the mean of all infinite."""
    return unbounded_psnr(a, b).clamp(max=100.0)


def repeat(grey: Tensor) -> Tensor:
    """(N, 1, H, W) -> (N, 3, H, W): grey as a picture."""
    return grey.expand(-1, 3, -1, -1)


def lightness(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> L*/100 in all three channels: what a network for color pictures is shown of a grey one."""
    return repeat((prepare(rgb, "ab")[0] + 1) / 2)


def as_float(pictures: Tensor) -> Tensor:
    """(N, C, H, W), uint8 or float -> its first three planes as float in [0, 1]."""
    rgb = pictures[:, :3]
    return rgb.float() / 255 if not rgb.is_floating_point() else rgb
