"""Half size is the mean of each 2x2 block, as scikit-image computes it, and an odd side's last pixels count for two."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import downscale_local_mean

from minicolor.errors import BadInput
from minicolor.ops.resize import halve


@settings(deadline=None, max_examples=40)
@given(h=st.integers(1, 12), w=st.integers(1, 12), seed=st.integers(0, 99))
def test_agrees_with_scikit_image(h, w, seed):
    x = torch.rand(2, 3, h, w, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 10
    even = np.pad(x.numpy(), ((0, 0), (0, 0), (0, h % 2), (0, w % 2)), mode="edge")
    np.testing.assert_allclose(halve(x).numpy(), downscale_local_mean(even, (1, 1, 2, 2)), rtol=1e-14)


def test_by_hand():
    x = torch.arange(15.0).reshape(1, 1, 3, 5)
    expected = [[(0 + 1 + 5 + 6) / 4, (2 + 3 + 7 + 8) / 4, (4 + 9) / 2], [(10 + 11) / 2, (12 + 13) / 2, 14.0]]
    assert halve(x).tolist() == [[expected]]


def test_type_views_gradient_and_the_empty_batch():
    x = torch.rand(2, 1, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(halve(x.mT), halve(x).mT)
    torch.autograd.gradcheck(halve, x)
    assert halve(torch.zeros(1, 1, 4, 4, dtype=torch.float16)).dtype == torch.float16
    assert halve(torch.zeros(0, 3, 5, 4)).shape == (0, 3, 3, 2)


@pytest.mark.parametrize("x", [torch.zeros(4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.uint8), None])
def test_refuses_what_is_no_picture(x):
    with pytest.raises(BadInput, match="argument x: expected float pictures"):
        halve(x)
