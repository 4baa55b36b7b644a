"""FID is pytorch-fid's, from folders of pictures to the number, and the closed form's; its proxy is never called FID."""

import sys
import types
from pathlib import Path

import numpy as np
import official
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.fid import Statistics, fid, fid_proxy, figure, frechet, statistics, trace_of_root
from minicolor.models.inception import Inception
from minicolor.models.resnet18 import ResNet18


def given_all(*pieces, network="any", weights="none") -> Statistics:
    s = Statistics(network, weights)
    for x in pieces:
        s.add(torch.as_tensor(x))
    return s


def cloud(seed: int, n: int, d: int, offset: float = 0.0) -> np.ndarray:
    """Points of a stretched and turned Gaussian."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + offset + rng.standard_normal(d)


def with_covariance(covariance, mean, n: int = 40) -> np.ndarray:
    """Points whose sample mean and covariance are exactly these, but for rounding."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((n, len(covariance)))
    q, _ = np.linalg.qr(x - x.mean(0))                                        # orthonormal columns that sum to 0
    return q @ np.linalg.cholesky(covariance).T * (n - 1) ** 0.5 + mean


@pytest.fixture(scope="module")
def pytorch_fid():
    """The package, which asks for an argument of SciPy's root that SciPy 1.18 no longer has."""
    package, sqrtm = official.load("pytorch_fid.fid_score"), pytest.importorskip("scipy.linalg", reason="pip install scipy").sqrtm
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "linalg", types.SimpleNamespace(sqrtm=lambda product, disp: (sqrtm(product), 0)))
        yield package


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), d=st.integers(1, 12), more=st.integers(6, 30), offset=st.sampled_from([0.0, 1e3]))
@example(seed=0, d=1, more=6, offset=0.0)
def test_it_is_pytorch_fids_distance_with_either_root(pytorch_fid, seed, d, more, offset):
    a, b = cloud(seed, d + more, d, offset), cloud(seed + 1, 2 * d + more, d, offset)
    expected = pytorch_fid.calculate_frechet_distance(*(f for x in (a, b) for f in (x.mean(0), np.cov(x, rowvar=False))))
    for root in ("eigenvalues", "scipy"):
        # the root of a product loses half the digits in its smallest direction; the distance is a difference of traces
        assert frechet(given_all(a), given_all(b), root) == pytest.approx(expected, rel=1e-7, abs=1e-6), root


@pytest.mark.parametrize("root", ["eigenvalues", "scipy"])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), d=st.integers(1, 8))
def test_gaussians_with_the_same_axes_have_a_closed_form(root, seed, d):
    """Covariances Q diag(s^2) Q^T and Q diag(t^2) Q^T: |mu_a - mu_b|^2 + sum (s - t)^2."""
    if root == "scipy":
        pytest.importorskip("scipy", reason="pip install scipy")
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    (s, t), (m, n) = rng.uniform(0.1, 3, (2, d)), rng.standard_normal((2, d))
    a, b = (given_all(with_covariance(q * v**2 @ q.T, mean)) for v, mean in ((s, m), (t, n)))
    assert frechet(a, b, root) == pytest.approx(((m - n) ** 2).sum() + ((s - t) ** 2).sum(), rel=1e-9, abs=1e-9)


def test_two_dimensions_have_one_for_any_axes():
    """Cayley and Hamilton: the trace of the root of a 2x2 product P is sqrt(Tr P + 2 sqrt(det P))."""
    a, b = np.array([[2.0, 0.9], [0.9, 1.0]]), np.array([[0.5, -0.3], [-0.3, 1.5]])
    root = (np.trace(a @ b) + 2 * np.linalg.det(a @ b) ** 0.5) ** 0.5
    found = [given_all(with_covariance(c, np.zeros(2))) for c in (a, b)]
    assert trace_of_root(*found) == pytest.approx(root, rel=1e-10)
    assert frechet(*found) == pytest.approx(np.trace(a + b) - 2 * root, rel=1e-10)


def by_singular_values(a: np.ndarray, b: np.ndarray) -> float:
    """The distance without a covariance: Tr (S_a S_b)^(1/2) is the sum of the singular values of A B^T, A and B the centered
    points over sqrt(n - 1)."""
    left, right = ((x - x.mean(0)) / (len(x) - 1) ** 0.5 for x in (a, b))
    nuclear = np.linalg.svd(left @ right.T, compute_uv=False).sum()
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + (left**2).sum() + (right**2).sum() - 2 * nuclear


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 30), m=st.integers(2, 30), d=st.integers(20, 60))
@example(seed=0, n=2, m=2, d=60)                                              # one direction each
def test_fewer_pictures_than_features_lose_no_digits(seed, n, m, d):
    a, b = cloud(seed, n, d), cloud(seed + 1, m, d)
    assert frechet(given_all(a), given_all(b)) == pytest.approx(by_singular_values(a, b), rel=1e-9)


def test_it_is_a_distance_of_sets():
    a, b, moved = (given_all(x) for x in (cloud(1, 50, 8), cloud(2, 40, 8), cloud(1, 50, 8) + np.arange(8)))
    assert frechet(a, a) == pytest.approx(0, abs=1e-8) and frechet(a, a) >= 0
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-10)
    assert frechet(a, moved) == pytest.approx((np.arange(8) ** 2).sum(), rel=1e-9)


@pytest.fixture(scope="module")
def inception(pytorch_fid):
    """Ours with random weights, and the package as if it had downloaded the same ones."""
    torch.manual_seed(0)
    with torch.device("meta"):
        network = Inception()
    network.to_empty(device="cpu")
    official.lively(network)
    for name, p in network.named_parameters():                                # strong: pictures differ at the far end
        if p.ndim > 1:
            p.data.normal_(0, 1.5 * p[0].numel() ** -0.5)
        elif name.endswith("bn.weight"):
            p.data.uniform_(0.4, 1.2)
    state = {name: v for name, v in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(official.load("pytorch_fid.inception"), "load_state_dict_from_url", lambda *args, **kwargs: state)
        yield network


def colored(n: int, seed: int) -> torch.Tensor:
    """Soft pictures (n, 3, 40, 32), with values between those of 8 bits."""
    generator = torch.Generator().manual_seed(seed)
    return F.interpolate(torch.rand(n, 3, 5, 4, generator=generator), (40, 32), mode="bicubic").clamp(0, 1)


@pytest.fixture
def folders(tmp_path):
    """n -> two folders of PNG files, for theirs, and the same pictures before they were rounded, for ours."""
    def written(n: int) -> tuple[list[str], list[torch.Tensor]]:
        sets, paths = [colored(n, 0), colored(n + 2, 1) ** 1.5], [tmp_path / "a", tmp_path / "b"]
        for path, pictures in zip(paths, sets):
            path.mkdir()
            for i, x in enumerate(pictures):
                photos.write(path / f"{i:03}.png", (255 * x).round().byte().permute(1, 2, 0).numpy())
        return [str(path) for path in paths], sets

    return written


@pytest.mark.filterwarnings("ignore:Matrix is singular")                     # SciPy's: fewer pictures than features
@pytest.mark.parametrize("size, n", [(64, 20), (192, 8)])
def test_from_folders_of_pictures_to_the_number_it_is_pytorch_fids(inception, pytorch_fid, folders, size, n):
    paths, (a, b) = folders(n)
    expected = pytorch_fid.calculate_fid_given_paths(paths, n, "cpu", size, num_workers=0)
    found = fid(statistics(inception, a.split(7), "random", size), statistics(inception, b.split(1), "random", size))
    assert expected > 1e-2
    assert found == pytest.approx(expected, rel=1e-5)                         # float32 features; SciPy's root of what is singular


def test_with_2048_features_it_is_that_of_pytorch_fids_activations(inception, pytorch_fid, folders):
    """Its own root takes half a minute there, and gives up: the product is singular."""
    paths, (a, b) = folders(3)
    judge = official.load("pytorch_fid.inception").InceptionV3([3])
    seen = (pytorch_fid.get_activations(sorted(Path(p).iterdir()), judge, 8, 2048, "cpu", 0) for p in paths)
    expected = by_singular_values(*seen)
    found = figure(*(statistics(inception, [x], "random") for x in (a, b)))
    assert found.title == "FID-2048 (random)" and found.pictures.startswith("40x32, ") and expected > 1e-2
    assert found.value == pytest.approx(expected, rel=1e-4)                   # float32 through 94 convolutions


def test_the_proxy_rises_with_noise_and_is_never_called_fid(real_pictures):
    torch.manual_seed(0)
    network = ResNet18(classes=None, base=4).train()
    files = sorted((real_pictures / "faces").iterdir())[:40]
    x = torch.stack([torch.from_numpy(photos.read(f).rgb).permute(2, 0, 1)[:, ::2, ::2] / 255 for f in files])
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    clean, *noisy = (statistics(network, (x + s * noise).clamp(0, 1).split(16), "random") for s in (0, 0.02, 0.1, 0.3))
    d = [fid_proxy(clean, other) for other in noisy]
    assert fid_proxy(clean, clean) < 1e-6 * d[0] and 0 < d[0] < d[1] < d[2]
    alone = statistics(network.train(), x.split(1), "random")                 # in eval mode no picture sees its neighbors
    torch.testing.assert_close(alone.covariance, clean.covariance, rtol=1e-3, atol=1e-6)
    with pytest.raises(BadInput, match="ResNet18: call it fid_proxy"):
        fid(clean, clean)


def test_a_figure_says_what_a_table_must_say():
    def judged(n, d, network, weights, *sizes):
        s = given_all(cloud(n, n, d), network=network, weights=weights)
        s.sizes.update(sizes)
        return s

    body = "ResNet18 of runs/classify, trained on grey pictures"
    few, many = (judged(n, 8, "ResNet18", body, (48, 64)) for n in (8, 9))
    found = figure(few, many)
    assert (found.title, found.n, found.value) == (f"fid_proxy ({body})", 8, fid_proxy(few, many))
    assert found.pictures == "48x64, in memory, rounded to 8 bits without loss"
    assert found.warning.startswith("n = 8 pictures for 8 features: the covariance is singular")      # 8 points span 7 directions
    assert figure(many, few).warning == found.warning and figure(many, many).warning == ""
    a, b = (judged(70, 64, "Inception-64", "pytorch-fid weights", size) for size in ((32, 32), (64, 64)))
    assert figure(a, b).title == "FID-64 (pytorch-fid weights)" and figure(a, b).value == fid(a, b)
    assert figure(a, b).warning.startswith("pictures of 32x32 are held against pictures of 64x64")
    a.merge(b)
    assert figure(a, a).pictures.startswith("2 sizes, ") and figure(a, a).n == 140
    with pytest.raises(BadInput, match="ResNet18 .* and of Inception-64 .* cannot be compared"):
        figure(many, a)


def test_what_is_no_distance_is_refused_in_one_sentence():
    good = given_all(cloud(0, 5, 4))
    one, none = given_all(cloud(0, 1, 4)), Statistics("any", "none")
    for s, n in ((one, 1), (none, 0)):
        for pair in ((good, s), (s, good)):
            with pytest.raises(BadInput, match=f"at least 2 pictures in each, got {n}"):
                frechet(*pair)
        with pytest.raises(BadInput, match=f"at least 2 pictures, got {n}"):
            _ = s.covariance
    others = [given_all(cloud(0, 5, 4), network="other"), given_all(cloud(0, 5, 4), weights="other"), given_all(cloud(0, 5, 3))]
    for other in others:
        for act in (frechet, lambda a, b: a.merge(b)):
            with pytest.raises(BadInput, match="cannot be compared"):
                act(good, other)
    for x, words in ((torch.rand(4), "expected float features"), (torch.ones(2, 4).long(), "int64"),
                     (torch.rand(0, 4), r"\(0, 4\)"), (torch.full((2, 4), torch.nan), "not finite"),
                     (torch.rand(2, 5), "expected 4 features per picture")):
        with pytest.raises(BadInput, match=words):
            good.add(x)
    assert good.count == 5
    with pytest.raises(BadInput, match="eigenvalues or scipy, got 'cholesky'"):
        frechet(good, good, "cholesky")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(BadInput, match="pip install scipy"):
        patch.setitem(sys.modules, "scipy.linalg", None)
        frechet(good, good, "scipy")
    inception = given_all(cloud(0, 5, 4), network="Inception-64")
    assert fid(inception, inception) < 1e-8
    with pytest.raises(BadInput, match="call fid"):
        fid_proxy(inception, inception)


def test_pictures_that_are_none_are_refused():
    with torch.device("meta"):
        network = Inception()
    body, x = ResNet18(classes=None, base=2), torch.rand(2, 3, 16, 16)
    for judge, pictures, size, words in (
        (network, x, 512, "64, 192, 768 or 2048, not 512"),
        (network, 2 * x - 1, None, "looks like -1..1"),
        (body, x, 64, "for Inception alone"),
        (body, 255 * x, None, "looks like 0..255"),
    ):
        with pytest.raises(BadInput, match=words):
            statistics(judge, [pictures], "random", size)
