"""16-bit colors move where their profile's arithmetic says, and where lcms says; smoothly, and back again."""

import io
import struct

import numpy as np
import pytest
from photo_files import ADOBE, INK, LIGHT, SRGB, WIDE, curve, profile, rgb_profile
from PIL import Image, ImageCms

from minicolor.data import profiles
from minicolor.data.photos import decode

tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed: it comes with scikit-image")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pytest sets aside the filter that photos.py sets


def noise(*shape, seed=0):
    """Neighbors that differ a little, and by more than 15 bits: what a predictor has to wrap round for."""
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 65536, shape) // rng.choice([1, 300], shape)).astype(np.uint16)


def written(pixels, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, metadata=None, **options)
    return out.getvalue()


def encoded(linear):
    return 65535 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def test_a_profile_moves_16_bits_where_arithmetic_says():
    pixels = noise(100, 100, 3)
    got = decode(written(pixels, photometric="rgb", iccprofile=WIDE), "x", deep=True)
    want = encoded(((pixels / 65535) ** (563 / 256) @ ADOBE.T @ np.linalg.inv(SRGB).T).clip(0, 1))
    off = np.abs(got.rgb - want)       # lcms' sRGB and the one above differ by 2e-4 in the matrix; the curve is steep in the dark
    assert np.quantile(off, 0.9) <= 8 and off.max() <= 80
    assert got.about.icc == WIDE and got.notes == ()
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    got = decode(written(every, photometric="minisblack", iccprofile=LIGHT), "x", deep=True)
    assert np.abs(got.rgb - encoded(every / 65535)[..., None]).max() <= 0.51


def para(kind, *values):
    return b"para\0\0\0\0" + struct.pack(">Hxx", kind) + struct.pack(f">{len(values)}i", *(round(65536 * v) for v in values))


CURVES = {
    "gamma 1.8": curve(461), "linear": curve(), "table": curve(*(round(65535 * (i / 99) ** 2) for i in range(100))),
    "para 0": para(0, 2.2), "para 1": para(1, 2.4, 0.9, 0.1), "para 2": para(2, 2.0, 0.9, -0.1, 0.05),
    "para 3": para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    "para 4": para(4, 2.2, 0.97, 0.02, 0.08, 0.1, 0.01, 0.01),
}  # fmt: skip


@pytest.mark.parametrize("trc", CURVES.values(), ids=list(CURVES))
def test_every_kind_of_curve_agrees_with_lcms(trc):
    """lcms sees 8 bits and rounds to 8: half a level, and its own 8-bit shortcuts another half."""
    icc = rgb_profile(ADOBE, trc)
    eight = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    target = ImageCms.createProfile("sRGB")
    theirs = ImageCms.profileToProfile(Image.fromarray(eight), ImageCms.ImageCmsProfile(io.BytesIO(icc)), target, 1)
    ours = profiles.deep_to_srgb(eight.astype(np.uint16) * 257, icc)
    off = np.abs(ours / 257 - np.asarray(theirs))
    assert off.max() <= 2.5 and off.mean() <= 0.35 and np.abs(eight - np.asarray(theirs, int)).max() > 10


@pytest.mark.parametrize("trc", [c for n, c in CURVES.items() if n not in ("para 2", "para 4")])  # their black is not black
def test_into_the_profile_and_back(trc):
    icc, pixels = rgb_profile(ADOBE, trc), noise(100, 100, 3)
    stored = profiles.from_srgb(pixels, icc)
    off = np.abs(profiles.deep_to_srgb(stored, icc).astype(int) - pixels)
    assert off[pixels.min(2) > 6000].max() <= 12 and np.abs(stored.astype(int) - pixels).max() > 2000


def test_the_curve_is_the_one_of_ops():
    """Written twice, for photographs are read without waiting for PyTorch."""
    from minicolor.ops.srgb import linear_to_srgb, srgb_to_linear

    torch = pytest.importorskip("torch")
    values = torch.arange(65536, dtype=torch.float64) / 65535
    assert np.abs(profiles._decoded() - srgb_to_linear(values).numpy()).max() < 1e-7
    assert np.abs(profiles._encoded(values.numpy()) - (65535 * linear_to_srgb(values)).numpy()).max() <= 0.51


def test_grey_stays_grey():
    every = np.arange(65536, dtype=np.uint16)[None, :, None].repeat(3, 2)
    moved = profiles.deep_to_srgb(every, WIDE).astype(int)
    assert np.ptp(moved, axis=2).max() <= 1 and moved[0, -1].tolist() == [65535] * 3
    assert np.ptp(profiles.from_srgb(every, WIDE).astype(int), axis=2).max() <= 4


def test_no_bands_in_a_sky():
    """A gentle ramp keeps its many levels, and never turns back: 8 bits would leave 20 of them."""
    ramp = np.linspace(30_000, 35_000, 4000).astype(np.uint16)[None, :, None].repeat(3, 2)
    for icc in WIDE, TABLES:
        moved = profiles.deep_to_srgb(ramp, icc)[0].astype(int)
        assert all(len(np.unique(moved[:, c])) > 2000 for c in range(3)) and (np.diff(moved, axis=0) >= 0).all()


# A scanner's profile: no curves and matrix but a table of Lab colors, one for each corner of the cube
CORNERS = [(0, 128, 128), (85, 190, 20), (225, 60, 200), (232, 80, 115),
           (140, 210, 200), (160, 220, 30), (247, 105, 220), (255, 128, 128)]
TABLES = profile(
    b"RGB ", b"Lab ",
    A2B0=b"mft1\0\0\0\0\3\3\2\0" + struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536) + bytes(range(256)) * 3
    + bytes(v for corner in CORNERS for v in corner) + bytes(range(256)) * 3,
)  # fmt: skip


def test_a_profile_of_tables_goes_through_the_grid():
    eight = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    theirs = profiles.to_srgb(Image.fromarray(eight), TABLES)
    off = np.abs(profiles.deep_to_srgb(eight.astype(np.uint16) * 257, TABLES) / 257 - np.asarray(theirs))
    assert off.mean() < 0.6 and np.quantile(off, 0.999) < 3
    notes = []
    assert profiles.keeps(TABLES, notes) == profiles.SRGB                   # it leads only one way
    assert notes == ["its one-way color profile cannot hold the result, which is sRGB"]


@pytest.mark.parametrize("icc", [WIDE[:150], b"junk", INK, LIGHT])
def test_a_useless_profile_costs_no_depth(icc):
    pixels = noise(20, 20, 3)
    got = decode(written(pixels, photometric="rgb", iccprofile=icc), "x", deep=True)
    assert (got.rgb == pixels).all() and got.notes == ("broken or mismatched color profile ignored",) and got.about.icc is None
