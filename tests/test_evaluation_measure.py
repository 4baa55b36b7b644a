"""Every figure stands in the table under the right name: the run's own answers through scikit-image give the same means."""

import numpy as np
import pytest
import torch
from evaluated import make_run
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from minicolor import recipe as recipes
from minicolor.errors import BadInput
from minicolor.evaluation import networks
from minicolor.evaluation.answers import Answers
from minicolor.evaluation.figures import AS_REPORTED, METRICS, chosen
from minicolor.evaluation.measure import as_json, measure
from minicolor.evaluation.networks import Networks, at_hand
from minicolor.evaluation.reported import REMARKS, REPORTED
from minicolor.models.inception import Inception


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return {name: make_run(out / name, name) for name in ("ae_plain3", "dncnn", "classify", "superres_unet", "srgan")}


@pytest.fixture(autouse=True)
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path / "cache"))


def mean(evaluation, name):
    return next(row.summary.mean for row in evaluation.rows if row.name == name)


@pytest.mark.parametrize("name", ["ae_plain3", "dncnn", "superres_unet", "srgan"])
def test_the_means_are_scikit_images_of_the_answers(runs, name):
    answers = Answers(runs[name], "all", pictures=12)
    evaluation = measure(answers, Networks())
    _, made, truth = (torch.cat(parts).permute(0, 2, 3, 1).double().numpy() for parts in zip(*(b.shown for b in answers)))
    untouched = torch.cat([b.untouched for b in answers]).permute(0, 2, 3, 1).double().numpy()
    gauss = {"channel_axis": 2, "data_range": 1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    inner = (slice(5, -5), slice(5, -5))                                      # windows inside the picture alone

    def ssim(a, b):
        return np.mean(structural_similarity(a, b, full=True, **gauss)[1][inner])

    for name, of in {"mse": mean_squared_error, "psnr": lambda t, m: peak_signal_noise_ratio(t, m, data_range=1),
                     "mae": lambda t, m: np.abs(t - m).mean(), "ssim": ssim}.items():
        row = next(row for row in evaluation.rows if row.name == name)
        values = [of(t, m) for t, m in zip(truth, made)]
        np.testing.assert_allclose(evaluation.values[name], values, rtol=1e-4, err_msg=name)
        assert row.summary.mean == pytest.approx(np.mean(values), rel=1e-4) and row.summary.n == 12
        assert row.untouched == pytest.approx(np.mean([of(t, u) for t, u in zip(truth, untouched)]), rel=1e-4), name


def test_color_is_measured_where_there_is_some_and_pictures_where_there_are_any(runs):
    color, grey, label = (measure(Answers(runs[n], "all", pictures=8), Networks()) for n in ("ae_plain3", "dncnn", "classify"))
    names = [[row.name for row in e.rows] for e in (color, grey, label)]
    assert {"ab_rmse", "ciede2000", "colorfulness", "fsimc", "vif"} < set(names[0])
    assert not {"ab_rmse", "ciede2000", "colorfulness", "fsimc"} & set(names[1]) and {"psnr", "vif"} < set(names[1])
    assert names[2] == ["accuracy"] and "no pictures" in " ".join(label.notes)
    assert "most frequent class" in " ".join(label.notes) and "not clipped" in " ".join(grey.notes)
    colorfulness = next(row for row in color.rows if row.name == "colorfulness")
    assert colorfulness.untouched == pytest.approx(0, abs=0.01) and colorfulness.true > 20


def test_report_bs_two_conventions_stand_side_by_side(runs):
    """PSNR differs by 20 log10(4095) = 72.245 dB, and the report's own figures stand in the rows of its own convention."""
    evaluation = measure(Answers(runs["ae_plain3"], "all", pictures=8), Networks())
    rows = {row.name: row for row in evaluation.rows}
    assert mean(evaluation, "psnr_as_reported") - mean(evaluation, "psnr") == pytest.approx(72.245, abs=1e-3)
    assert mean(evaluation, "ssim_as_reported") > 0.999 and mean(evaluation, "ssim") < 0.9
    assert rows["psnr_as_reported"].reported == 95.039504 and rows["psnr"].reported is None
    assert rows["mse"].reported == 0.007172 and rows["ssim"].reported is None
    other = measure(Answers(runs["dncnn"], "all", pictures=4), Networks())
    assert not any("reported" in row.name for row in other.rows), "only for report B's runs"
    asked = measure(Answers(runs["dncnn"], "all", pictures=4), Networks(), conventions=True)
    assert {m.name for m in AS_REPORTED} < {row.name for row in asked.rows}


def test_fid_is_the_distance_of_what_the_files_would_hold(runs, monkeypatch):
    """Heusel et al., equation 6, in NumPy, on Inception's features of 8-bit files. (pytorch-fid's own: test_fid.py.)"""
    torch.manual_seed(0)
    inception = Inception().eval()
    monkeypatch.setattr(networks, "fid_network", lambda name: (inception, "random weights"))
    answers = Answers(runs["ae_plain3"], "all", pictures=20)
    evaluation = measure(answers, at_hand(fid_size="64", lpips="none"))
    with torch.no_grad():
        made, truth = (inception(((torch.cat(parts) * 255).round().byte() / 255), 64).double().numpy()
                       for parts in zip(*(b.shown[1:] for b in answers)))
    covariances = [np.cov(x, rowvar=False) for x in (made, truth)]
    root = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    expected = ((made.mean(0) - truth.mean(0)) ** 2).sum() + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * root
    row = evaluation.rows[-1]
    assert (row.name, row.title, row.summary.n) == ("fid_64", "FID-64", 20)
    # 20 pictures span 19 of 64 directions: NumPy's roots of what should be 0 are 1e-8 of the largest, 45 of them
    assert row.summary.mean == pytest.approx(expected, rel=1e-3) and expected > 0
    assert any("random weights" in n and "64x64" in n and "n = 20" in n for n in evaluation.notes)


def test_without_inception_the_distance_has_another_name(runs):
    evaluation = measure(Answers(runs["ae_plain3"], "all", pictures=8), at_hand(features=str(runs["classify"])))
    assert evaluation.rows[-1].name == "fid_proxy" and not any(row.title.startswith("FID") for row in evaluation.rows)
    titles = [row.title for row in evaluation.rows]
    assert any("features" in title for title in titles) and not any("LPIPS" in title for title in titles)
    assert evaluation.rows[-1].summary.low is None and evaluation.rows[-1].summary.sd is None
    assert evaluation.rows[-1].untouched > 0
    with pytest.raises(BadInput, match="at least 2"):
        measure(Answers(runs["ae_plain3"], pictures=1), at_hand(features=str(runs["classify"])))


def test_what_is_not_at_hand_is_replaced_or_left_out_with_a_word_or_refused(runs, tmp_path, monkeypatch):
    nothing = at_hand()
    assert nothing.body is None and nothing.metrics == [] and len(nothing.notes) == 2
    assert all("download" in note and "--features" in note for note in nothing.notes)
    assert at_hand(fid_size="none", lpips="none").notes == []
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "classify").symlink_to(runs["classify"])
    monkeypatch.chdir(tmp_path)
    own = at_hand()
    assert own.distance == "fid_proxy" and [m.title for m in own.metrics] == ["features-runs/classify"] and own.notes == []
    assert at_hand(fid_size="none").body is None and at_hand(lpips="none").metrics == []
    for given, words in (({"fid_size": "2048"}, "inception_fid"), ({"lpips": "alex"}, "alex"), ({"fid_size": "100"}, "--fid 100"),
                         ({"lpips": "resnet"}, "--lpips resnet"), ({"features": "nowhere"}, "nowhere"),
                         ({"features": str(runs["dncnn"])}, "expected one of classify"),
                         ({"features": "x", "fid_size": "64"}, "takes the place")):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            at_hand(**given)


def test_small_pictures_lose_the_metrics_that_cannot_see_them():
    kept, notes = chosen(color=True, size=32, conventions=True)
    lost = {m.name for m in (*METRICS, *AS_REPORTED)} - {m.name for m in kept}
    assert lost == {"fsim", "fsimc", "vif", "vif_as_reported", "fsim_as_reported"}
    assert "32 pixels" in notes[0] and chosen(color=True, size=64, conventions=True)[1] == []
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for metric in (*METRICS, *AS_REPORTED):
        least = x[..., : metric.least, : metric.least]
        assert metric.of(least, least.flip(1)).isfinite().all(), metric.name
        if metric.least > 1 and metric.name != "fsim_as_reported":            # that one finds nothing to weigh, and says nan
            with pytest.raises(BadInput):
                metric.of(least[..., 1:], least[..., 1:])


def test_every_recipes_own_figure_is_among_the_metrics_or_its_answers_are_no_pictures():
    names = {m.name for m in METRICS}
    for name in recipes.names():
        task = recipes.load(name).RECIPE.task()
        pictures = type(task).untouched is not type(task).__mro__[1].untouched
        assert (task.figure in names) is pictures, name


def test_a_damaged_answer_is_no_figure(runs, monkeypatch):
    answers = Answers(runs["ae_plain3"], pictures=2)
    show = answers.task.show
    monkeypatch.setattr(answers.task, "show", lambda *a: [x * (1 if i != 1 else float("nan")) for i, x in enumerate(show(*a))])
    with pytest.raises(BadInput, match="ab-RMSE.*nan"):
        measure(answers, Networks())


def test_reported_figures_are_in_the_reports(real_pictures):
    """Nothing was mistyped: each number stands in the text of its report."""
    texts = {p.name[2]: p.read_text(encoding="utf-8") for p in (real_pictures.parent / "reports").glob("*.txt")}
    assert len(texts) == 5, "reports 0 to 4 are A to E"
    for experiment, figures in REPORTED.items():
        text = texts[str("ABCDE".index(experiment[0]))]
        for name, value in figures.items():
            assert any(form in text for form in (f"{value:.6f}", f"{value:.4f}", f"{value:.3f}", f"{value:.2f}", f"{value:g}")), (
                experiment, name)  # fmt: skip
    assert set(REMARKS) <= set(REPORTED)


def test_plain_values(runs):
    found = as_json(measure(Answers(runs["dncnn"], "all", pictures=4), Networks()))
    assert found["pictures"] == 4 and found["experiment"] == "A3" and found["figures"]["psnr"]["n"] == 4
    assert set(found["figures"]["psnr"]) == {"title", "better", "n", "mean", "sd", "low", "high", "untouched", "true", "reported"}
