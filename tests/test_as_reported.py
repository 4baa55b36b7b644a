"""The odd figures of report B come out of its conventions, as the packages compute them and as loops over windows do."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.transform import resize

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics import as_reported as conventions
from minicolor.metrics.as_reported import as_reported
from minicolor.metrics.psnr import psnr
from minicolor.metrics.ssim import ssim

NAMES = ("rmse", "psnr", "ssim", "uqi", "uqi_sewar", "fsim", "vif")
# ISM rounds 255 x to float32, and the similarity of gradients; the others are float64, and their windows add in another order
CLOSE = {"rmse": 1e-6, "psnr": 1e-5, "ssim": 1e-12, "uqi": 1e-6, "uqi_sewar": 1e-9, "fsim": 1e-6, "vif": 1e-8}


@pytest.fixture(scope="module")
def packages():
    """(truth, prediction), (H, W, 3) -> all seven. image-similarity-measures pins old versions, so it comes without its needs:
    pip install --no-deps image-similarity-measures phasepack."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                                       # phasepack's, that another FFT would be faster
        reason = "pip install --no-deps image-similarity-measures phasepack"
        ism = pytest.importorskip("image_similarity_measures.quality_metrics", reason=reason, exc_type=ImportError)
        sewar = pytest.importorskip("sewar.full_ref", reason="pip install sewar")

    def measure(x: np.ndarray, y: np.ndarray, scale: float) -> dict[str, float]:
        with np.errstate(all="ignore"):                                       # 0/0 of flat windows
            a, b = scale * x.astype(np.float64), scale * y.astype(np.float64)
            x, y = np.float32(scale) * x, (np.float32(scale) * y).astype(np.float64)       # so that rmse adds in float64
            return {"rmse": ism.rmse(x, y), "psnr": ism.psnr(x, y), "ssim": ism.ssim(a, b), "uqi": ism.uiq(x, y),
                    "uqi_sewar": sewar.uqi(a, b), "fsim": ism.fsim(a, b), "vif": sewar.vifp(a, b)}  # fmt: skip

    return measure


def assert_as(packages, prediction: torch.Tensor, truth: torch.Tensor, scale: float) -> None:
    found = as_reported(prediction, truth, scale)
    assert tuple(found) == NAMES and all(v.shape == (len(truth),) and v.dtype == torch.float64 for v in found.values())
    for i in range(len(truth)):
        x, y = (v[i].permute(1, 2, 0).contiguous().numpy() for v in (truth, prediction))
        for name, expected in packages(x, y, scale).items():
            assert found[name][i].item() == pytest.approx(float(expected), rel=CLOSE[name], abs=1e-10), (name, i)


def pair(seed: int, n: int, height: int, width: int, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Squares of 10 pixels in which some windows are flat; the other picture has noise in the left half and other squares in
    the lower half. None is black: rounding decides what sewar makes of black."""
    rng = np.random.default_rng(seed)
    truth, other = np.kron(rng.uniform(0.05, 1, (2, n, 3, 6, 6)), np.ones((10, 10)))[..., :height, :width]
    prediction = np.where(np.arange(height)[:, None] < height // 2, truth, 0.7 * truth + 0.3 * other)
    prediction[..., : width // 2] += noise * rng.standard_normal(prediction[..., : width // 2].shape)
    return tuple(torch.from_numpy(v.clip(0.05, 1).astype(np.float32)) for v in (prediction, truth))


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 2), height=st.integers(41, 60), width=st.integers(41, 60),
       noise=st.floats(0.01, 0.5), scale=st.sampled_from([1.0, 255.0]))
@example(seed=0, n=1, height=41, width=42, noise=0.1, scale=1.0)              # one last window of vif; odd and even filters
@example(seed=1, n=1, height=48, width=48, noise=0.5, scale=255.0)            # gradients whose squares wrap
def test_generated_pictures_measure_as_in_the_packages(packages, seed, n, height, width, noise, scale):
    assert_as(packages, *pair(seed, n, height, width, noise), scale)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_photographs_measure_as_in_the_packages(packages, real_pictures, scale):
    truth, prediction = photograph(real_pictures, 0.07)
    assert_as(packages, prediction[..., 50:130, 40:121], truth[..., 50:130, 40:121], scale)


def photograph(folder, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    rgb = photos.read(sorted((folder / "landscapes").iterdir())[1]).rgb
    truth = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255
    return truth, (truth + noise * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)


def windows(x: np.ndarray, side: int) -> np.ndarray:
    """(C, H, W) -> (C, h, w, side * side)"""
    view = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    return view.reshape(*view.shape[:3], -1)


def by_hand(y: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """The definitions for one pair (C, H, W) on [0, 1], window by window; y: truth. What needs a package is missing."""
    square, peak, out = (x - y) ** 2, 4095, {}
    out["rmse"] = np.mean([(band / peak**2).mean() ** 0.5 for band in square])
    out["psnr"] = 20 * np.log10(peak / square.mean() ** 0.5)
    a, b = windows(x, 7), windows(y, 7)
    cov = ((a - a.mean(-1, keepdims=True)) * (b - b.mean(-1, keepdims=True))).sum(-1) / 48
    c1, c2, ma, mb = (0.01 * peak) ** 2, (0.03 * peak) ** 2, a.mean(-1), b.mean(-1)
    both = a.var(-1, ddof=1) + b.var(-1, ddof=1)
    out["ssim"] = ((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (both + c2))).mean()
    a, b = windows(x, 8), windows(y, 8)
    ma, mb = a.mean(-1), b.mean(-1)
    cov = (a * b).mean(-1) - ma * mb
    out["uqi"] = (4 * cov * ma * mb / ((a.var(-1) + b.var(-1)) * (ma**2 + mb**2))).mean()
    q = 4 * (64 * (a * b).mean(-1) - ma * mb) * ma * mb
    q = q / ((64 * (a * a + b * b).mean(-1) - ma**2 - mb**2) * (ma**2 + mb**2))
    out["uqi_sewar"] = q[:, :-1, :-1].mean()
    return out


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), height=st.integers(9, 20), width=st.integers(9, 20), noise=st.floats(0.01, 1))
def test_the_definitions_window_by_window(seed, height, width, noise):
    rng = np.random.default_rng(seed)
    truth = rng.random((3, height, width))
    prediction = truth + noise * (rng.random(truth.shape) - truth)
    for name, expected in by_hand(truth, prediction).items():
        found = getattr(conventions, name)(*(torch.from_numpy(v)[None] for v in (prediction, truth)))
        assert found.item() == pytest.approx(expected, rel=1e-5 if name == "uqi" else 1e-10), name     # uqi: float32 as there


def test_a_known_photographs_row_comes_out_again():
    """What the packages themselves were once seen to say (shared/metrics.md): astronaut, 256x256, noise of 0.1, clipped."""
    clean = resize(data.astronaut(), (256, 256), anti_aliasing=True)
    noisy = (clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)).clip(0, 1)
    prediction, truth = (torch.from_numpy(v).permute(2, 0, 1)[None] for v in (noisy, clean))
    odd = as_reported(prediction, truth)
    of_255 = as_reported(*((255 * v).round() / 255 for v in (prediction, truth)), scale=255)     # there the pictures were bytes
    row = {"rmse": 2.26e-5, "psnr": 92.90, "ssim": 0.9999992, "uqi": 0.4648, "uqi_sewar": 0.854, "fsim": 0.898, "vif": 0.928}
    last = {"rmse": 1e-7, "psnr": 1e-2, "ssim": 1e-7, "uqi": 1e-4}                               # place that was printed
    for name, expected in row.items():
        assert odd[name].item() == pytest.approx(expected, rel=0, abs=0.51 * last.get(name, 1e-3)), name
    assert of_255["fsim"].item() == pytest.approx(0.591, abs=5.1e-4) and of_255["vif"].item() == pytest.approx(0.288, abs=5.1e-4)
    assert psnr(prediction, truth).item() == pytest.approx(20.65, abs=5.1e-3)                    # the right ones
    assert ssim(prediction, truth).item() == pytest.approx(0.4342, abs=5.1e-5)


def test_a_good_reconstruction_has_report_bs_figures_beside_the_right_ones():
    """Noise of 0.07, the report's own error, on a photograph: 23 dB read as 95, and an SSIM that cannot fall."""
    truth = torch.from_numpy(data.astronaut()[:256, 100:356].copy()).permute(2, 0, 1)[None] / 255
    prediction = (truth + 0.07 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    odd = {name: v.item() for name, v in as_reported(prediction, truth).items()}
    assert 94 < odd["psnr"] < 97 and 1e-5 < odd["rmse"] < 2e-5 and 0.99999 < odd["ssim"] < 1 and odd["fsim"] > 0.85
    a, b = (v[0].double().numpy() for v in (prediction, truth))
    right = structural_similarity(a, b, channel_axis=0, data_range=1.0)
    assert odd["psnr"] - peak_signal_noise_ratio(b, a, data_range=1.0) == pytest.approx(72.245, abs=1e-3)
    assert right < 0.75 and (1 - odd["ssim"]) < 1e-4 * (1 - right)
    assert odd["uqi_sewar"] > odd["uqi"] + 0.1                                # sums taken for means flatter
    bytes_ = as_reported(prediction, truth, scale=255)
    assert odd["vif"] > bytes_["vif"].item() + 0.2 and odd["fsim"] > bytes_["fsim"].item() + 0.05


def test_vif_is_above_1_for_more_contrast_and_1_for_equal_pictures():
    truth = 0.15 + 0.7 * torch.from_numpy(data.astronaut()[:128, 150:278].copy()).permute(2, 0, 1)[None] / 255
    values = [conventions.vif(0.5 + c * (truth - 0.5), truth).item() for c in (0.7, 1.0, 1.3)]
    assert values[0] < 0.9 and values[1] == pytest.approx(1, abs=1e-6) and values[2] > 1.05


def test_vif_of_a_flat_truth_is_no_figure_there_either():
    sewar = pytest.importorskip("sewar.full_ref", reason="pip install sewar")
    prediction, truth = pair(6, 1, 48, 48, 0.2)
    truth[:, 1] = 0.3
    x, y = (v[0].permute(1, 2, 0).double().numpy() for v in (truth, prediction))
    with np.errstate(invalid="ignore"):
        expected = sewar.vifp(x, y)
    assert np.isnan(expected) and conventions.vif(prediction, truth).isnan()


def test_equal_pictures_and_flat_windows():
    noisy, _ = pair(3, 1, 48, 48, 0.2)
    noisy = noisy + 0.001 * torch.rand(noisy.shape, generator=torch.Generator().manual_seed(0)) - 0.0005
    equal = as_reported(noisy, noisy)
    assert equal["rmse"] == 0 and equal["psnr"] == float("inf")
    for name in NAMES[2:]:
        assert equal[name].item() == pytest.approx(1, abs=1e-6), name
    half = noisy.clone()
    half[..., 24:] = 0.5                                                      # 17 of 41 columns of windows are flat: 0/0
    assert conventions.uqi(half, half).item() == pytest.approx(24 / 41, abs=1e-6)
    assert conventions.uqi(half, half, skip_flat=True).item() == pytest.approx(1, abs=1e-6)
    black = torch.zeros(1, 3, 12, 12)
    assert conventions.uqi(black, black) == 0 and conventions.uqi(black, black, skip_flat=True).isnan()
    assert conventions.uqi_sewar(black, black) == 1


def test_each_picture_for_itself_in_any_strides():
    a, b = pair(4, 3, 45, 50, 0.3)
    together = as_reported(a, b)
    turned = as_reported(*(v.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) for v in (a, b)))
    for name, value in together.items():
        torch.testing.assert_close(value[1:2], as_reported(a[1:2], b[1:2])[name])
        torch.testing.assert_close(value, turned[name])


def test_what_cannot_be_measured_is_refused_in_one_sentence():
    a, b = pair(5, 1, 50, 50, 0.3)
    for name, least in {"ssim": 7, "uqi": 8, "uqi_sewar": 9, "vif": 41}.items():
        metric = getattr(conventions, name)
        assert metric(a[..., :least], b[..., :least]).isfinite().all()
        with pytest.raises(BadInput, match=f"{name} as reported needs sides of at least {least} pixels, got 50x{least - 1}"):
            metric(a[..., : least - 1], b[..., : least - 1])
    with pytest.raises(BadInput, match="at least 41 pixels"):
        as_reported(a[..., :40], b[..., :40])
    for wrong, words in ((255 * a, "looks like 0..255"), (2 * a - 1, "looks like -1..1"), (a * torch.nan, "got nan")):
        for name in (*NAMES[:5], "vif", "as_reported"):
            with pytest.raises(BadInput, match=words):
                getattr(conventions, name)(wrong, b)
