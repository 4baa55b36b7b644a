"""Every metric refuses, in one sentence, what would silently give a wrong figure, and takes all that is a picture."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.errors import BadInput
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.metrics.colorfulness import colorfulness
from minicolor.metrics.psnr import psnr
from minicolor.metrics.ranges import check_rgb

GOOD = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
ONE_BAD = GOOD.clone()
ONE_BAD[1, 2, 3, 4] = float("nan")
INFINITE = GOOD.clone()
INFINITE[0, 0, 0, 0] = float("inf")
WRONG = {
    "0..255": (GOOD * 255, "0..255"),
    "-1..1": (GOOD * 2 - 1, "-1..1"),
    "a little too bright": (GOOD + 0.1, r"\[0, 1\]"),
    "a little too dark": (GOOD - 0.1, r"\[0, 1\]"),
    "one NaN": (ONE_BAD, "nan"),
    "infinite": (INFINITE, "inf"),
    "bytes": ((GOOD * 255).byte(), "float pictures .*uint8"),
    "integers": (GOOD.long(), "float pictures .*int64"),
    "grey": (GOOD[:, :1], r"\(2, 1, 4, 5\)"),
    "with alpha": (torch.cat([GOOD, GOOD[:, :1]], 1), r"\(2, 4, 4, 5\)"),
    "no batch": (GOOD[0], r"\(N, 3, H, W\).*\(3, 4, 5\)"),
    "channels last": (GOOD.permute(0, 2, 3, 1), r"\(2, 4, 5, 3\)"),
    "empty": (GOOD[:0], r"at least one picture .*\(0, 3, 4, 5\)"),
    "without pixels": (GOOD[..., :0], r"at least one pixel.*\(2, 3, 4, 0\)"),
    "video": (GOOD[None], r"\(1, 2, 3, 4, 5\)"),
}


def sentence(caught) -> str:
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
    return str(caught.value)


@pytest.mark.parametrize("bad, expected", WRONG.values(), ids=WRONG)
def test_what_is_no_picture_is_refused_by_every_metric(bad, expected):
    for call in (lambda: check_rgb(bad), lambda: colorfulness(bad), lambda: ab_rmse(bad, bad), lambda: psnr(bad, bad)):
        with pytest.raises(BadInput, match=expected) as caught:
            call()
        sentence(caught)


@pytest.mark.parametrize("bad, expected", WRONG.values(), ids=WRONG)
def test_either_of_two_is_looked_at(bad, expected):
    for call in (check_rgb, ab_rmse, psnr):
        for pair in ((GOOD, bad), (bad, GOOD)):
            with pytest.raises(BadInput):
                call(*pair)


@pytest.mark.parametrize("other", [GOOD[:1], GOOD[:, :, :1], GOOD[..., :1], GOOD.transpose(2, 3)],
                         ids=["fewer", "one row", "one column", "turned"])
def test_two_shapes_are_refused_even_where_torch_would_broadcast(other):
    for call in (check_rgb, ab_rmse, psnr):
        with pytest.raises(BadInput, match="one shape") as caught:
            call(GOOD, other)
        assert str(tuple(GOOD.shape)) in sentence(caught) and str(tuple(other.shape)) in sentence(caught)


@settings(deadline=None, max_examples=30)
@given(low=st.floats(-0.5, 1.5), high=st.floats(-0.5, 1.5))
def test_the_range_is_the_range(low, high):
    rgb = torch.tensor([low, high], dtype=torch.float64)[None, None, :, None].expand(1, 3, 2, 1)
    if min(low, high) >= -1e-3 and max(low, high) <= 1 + 1e-3:
        check_rgb(rgb)
    else:
        with pytest.raises(BadInput):
            check_rgb(rgb)


@pytest.mark.parametrize("fine", [
    GOOD, GOOD.double(), GOOD.half(), GOOD.bfloat16(), torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1),
    GOOD * 1.0005, GOOD - 0.0005, GOOD.transpose(2, 3), GOOD[..., ::2],
], ids=["float32", "float64", "float16", "bfloat16", "black", "white", "above", "below", "turned", "strided"])
def test_pictures_are_taken_as_they_are(fine):
    check_rgb(fine, fine)
    check_rgb(fine)
