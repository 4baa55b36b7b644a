"""Glass plates with three exposures, one above the other through a blue, a green and a red filter -> one picture in color.

    plate (H, W) -> three thirds -> each one's shift against the middle one -> what all three show -> black and white -> rgb

So Prokudin-Gorsky photographed Russia about 1910: grey photographs of that time whose true color is known.

shift      d at which exposure I and the inner part T of the middle one have the greatest
               ncc(d) = sum (T - mean T)(I_d - mean I_d) / sqrt(sum (T - mean T)^2  sum (I_d - mean I_d)^2)
           of the lengths of their gradients: a blue shirt is bright in one exposure and dark in another, but its outline
           is in both. Lewis, "Fast Normalized Cross-Correlation", Vision Interface 1995, all shifts at once: the upper sum
           by a Fourier transform, the lower one from running sums; so no pyramid is needed: a scan of 9600 x 3700 takes
           half a minute and 1.2 GiB. Whole pixels; neither turned nor stretched.
trust      agreement is the smaller ncc of blue and of red; with one exposure of another plate it reached 0.33 (34 tried). miss is
           how far blue and red, compared without green, would still be moved. A plate that fails either has a `fault`: of
           300 landscapes made into plates, 10 were off by 2 to 4 pixels, and miss found all of them and no other.

The filters were not sRGB's primaries, and how long each exposure took nobody knows: the colors are those of a good print, no
measurement of light. balance() says how black and white are chosen; the values in between count as sRGB-encoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.ops.srgb import linear_to_srgb, srgb_to_linear

REACH = 0.1          # shifts are looked for up to this share of an exposure's height and width
CUT = 0.1            # each exposure loses this share at each edge: glass, black bars, handwriting
AGREE = 0.4          # of 34 plates one with its sky gone has 0.25, the others 0.44 to 0.89
MISS = 1 / 150       # of an exposure's height: 2 pixels of 341
SAME = 0.98          # two scans of one plate correlate by 0.999, different plates by 0.79 at most
LEAST = 32           # pixels of an exposure's shorter side
LOW, HIGH = 0.5, 99.5                # percentiles that become black and white
BALANCES = ("white", "grey")


@dataclass(frozen=True)
class Plate:
    """An aligned plate. Shifts are (down, right): the middle's pixel (y, x) is at (y + down, x + right) in that exposure."""

    rgb: np.ndarray              # (h, w, 3) uint8: the red, green and blue exposures as they are, cut to what all three show
    blue: tuple[int, int]
    red: tuple[int, int]
    agreement: float             # -1 .. 1
    miss: int                    # pixels
    height: int                  # of one exposure, before the cut

    @property
    def fault(self) -> str:
        """Why its colors are not to be trusted, or nothing."""
        if self.agreement < AGREE:
            return f"its exposures agree by {self.agreement:.2f} alone, less than {AGREE}: damaged, moved, or no plate"
        if self.miss > (allowed := max(1, round(MISS * self.height))):
            return f"its red and blue exposures miss each other by {self.miss} pixels, more than {allowed}"
        return ""


def align(plate: np.ndarray) -> Plate:
    """(H, W) of any numeric type on 0..255, at least 96 x 32: blue above, green, red below. BadInput for a smaller one.

    The three must be about a third of the height each: the white around the glass may be 3 % of it above and below.
    """
    if plate.ndim != 2 or len(plate) < 3 * LEAST or plate.shape[1] < LEAST:
        raise BadInput(f"expected a plate (H, W) of at least {3 * LEAST} x {LEAST} pixels, three exposures one above the other, "
                       f"not {plate.shape}")
    height = len(plate) // 3
    thirds = [plate[i * height : (i + 1) * height] for i in range(3)]
    edges = [_edges(t) for t in thirds]
    (blue, one), (red, two) = (shift(edges[1], edges[i]) for i in (0, 2))
    at = np.array([blue, (0, 0), red])
    size = np.array(thirds[0].shape)
    first = np.round(CUT * size).astype(int) - at.min(axis=0)         # in the middle's own rows and columns: inside all three
    last = size - np.round(CUT * size).astype(int) - at.max(axis=0)
    shown = [t[first[0] + down : last[0] + down, first[1] + right : last[1] + right] for t, (down, right) in zip(thirds, at)]
    left, _ = shift(_edges(shown[0]), _edges(shown[2]))               # what blue and red, without green, would still be moved
    rgb = np.round(np.stack(shown[::-1], axis=2)).clip(0, 255).astype(np.uint8)
    return Plate(rgb, blue, red, min(one, two), max(map(abs, left)), height)


def shift(middle: np.ndarray, other: np.ndarray) -> tuple[tuple[int, int], float]:
    """Two (H, W) -> where the inner part of `middle` is in `other`, (down, right), and how well it fits, -1 .. 1; flat: 0."""
    scores = correlate(middle, other)
    down, right = np.unravel_index(scores.argmax(), scores.shape)
    return (int(down) - scores.shape[0] // 2, int(right) - scores.shape[1] // 2), float(scores[down, right])


def correlate(middle: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Two (H, W) -> ncc of all shifts, (2 REACH H + 1, 2 REACH W + 1); no shift is in the center. 0 where one is flat."""
    y, x = (int(REACH * side) for side in middle.shape)
    part = middle[y : len(middle) - y, x : middle.shape[1] - x]
    part = part - part.mean()
    spectrum = np.fft.rfft2(other) * np.fft.rfft2(part, s=other.shape).conj()
    products = np.fft.irfft2(spectrum, s=other.shape)[: 2 * y + 1, : 2 * x + 1]
    squares = _windows(other**2, part.shape) - _windows(other, part.shape) ** 2 / part.size
    flat = 1e-9 * part.size
    lengths = np.sqrt(squares.clip(min=flat) * max((part**2).sum(), flat))
    return np.where(squares > flat, products / lengths, 0)


def balance(rgb: np.ndarray, how: str = "white") -> np.ndarray:
    """(H, W, 3) uint8 -> the same with each exposure's own black and white, for the exposures were of different lengths.

    white    each exposure's 0.5 % darkest pixels become 0, its 0.5 % brightest 255, the others in proportion
    grey     then red and blue are scaled, in linear light, to the mean of green: the mean color is grey, whatever is shown
    Green, which is what will be colored, is the same in both.
    """
    if how not in BALANCES:
        raise BadInput(f"balance {how}: expected {' or '.join(BALANCES)}")
    low, high = np.percentile(rgb, (LOW, HIGH), axis=(0, 1))
    stretched = ((rgb - low) / np.maximum(high - low, 1)).clip(0, 1)
    if how == "grey":
        light = srgb_to_linear(torch.from_numpy(stretched))
        means = light.mean(dim=(0, 1))
        stretched = linear_to_srgb((light * (means[1] / means.clamp(min=1e-6))).clamp(max=1)).numpy()
    return np.round(stretched * 255).astype(np.uint8)


def gather(folder: str | Path, how: str = "white", without: Sequence[str] = ()) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """A folder's plates, balanced, (h, w, 3) uint8 by name, and of those left out why. Two scans of one plate count once.

    without: names of files to leave out. BadInput where there is no such folder or file; what is no plate is left out.
    """
    folder = Path(folder)
    files = sorted(p for p in folder.iterdir() if photos.is_photo(p.name)) if folder.is_dir() else []
    if not files:
        raise BadInput(f"{folder}: no pictures; expected a folder of scanned plates")
    if unknown := sorted(set(without) - {p.name for p in files}):
        raise BadInput(f"without {unknown[0]}: there is no such picture in {folder}")
    kept, seen, left_out = {}, {}, {}
    for path in files:
        try:
            grey = photos.read(path).rgb.mean(axis=2)
            plate, small = align(grey), thumbnail(grey)
        except BadInput as e:
            left_out[path.name] = str(e).removeprefix(f"{path}: ")
            continue
        twin = next((name for name, other in seen.items() if small @ other > SAME), None)
        seen.setdefault(path.name, small)
        why = "not wanted" if path.name in without else f"shows the same as {twin}" if twin else plate.fault
        if why:
            left_out[path.name] = why
        else:
            kept[path.name] = balance(plate.rgb, how)
    return kept, left_out


def thumbnail(plate: np.ndarray) -> np.ndarray:
    """(H, W) -> (1536,), of length 1 and mean 0: the product of two of them says how alike two plates are, up to 1."""
    small = np.asarray(Image.fromarray(plate.astype(np.float32)).resize((24, 64), Image.Resampling.BOX)).ravel()
    small = small - small.mean()
    return small / max(np.linalg.norm(small), 1e-6)


def _edges(x: np.ndarray) -> np.ndarray:
    down, right = np.gradient(x.astype(np.float64))
    return np.hypot(down, right)


def _windows(x: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The sum of each window of this shape, from sums of all that is above and to the left."""
    sums = np.pad(x.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    h, w = shape
    return sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
