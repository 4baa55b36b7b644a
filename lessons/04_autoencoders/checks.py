"""What exercise 04 is graded on: where Keras puts its zeros."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

NAME = "same_padding"
KEY = "minicolor.models.same_padding:same_padding"
TRAINS = "that padding decides where a picture lies, not only how large it is; Keras against PyTorch"
MINUTES = 20


def _total(n, kernel, stride):
    return max((-(-n // stride) - 1) * stride + kernel - n, 0)


WRONG = {
    "PyTorch's habit: half the kernel on both sides": lambda n, kernel, stride: (kernel // 2, kernel // 2),
    "the odd zero before": lambda n, kernel, stride: ((t := _total(n, kernel, stride)) - t // 2, t // 2),
    "right for stride 1 alone": lambda n, kernel, stride: ((kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2),
    "negative where the stride is larger than the kernel":
        lambda n, kernel, stride: ((t := (-(-n // stride) - 1) * stride + kernel - n) // 2, t - t // 2),
    "rounded down": lambda n, kernel, stride: ((t := max((n // stride - 1) * stride + kernel - n, 0)) // 2, t - t // 2),
    "all zeros after": lambda n, kernel, stride: (0, _total(n, kernel, stride)),
}  # fmt: skip

axes = {"n": st.integers(1, 40), "kernel": st.integers(1, 7), "stride": st.integers(1, 4)}
often = settings(max_examples=60, deadline=None, database=None)


@often
@given(**axes)
def the_output_has_n_over_stride_values(f, n, kernel, stride):
    before, after = f(n, kernel, stride)
    assert before >= 0 and after >= 0, "a negative number of zeros"
    assert (n + before + after - kernel) // stride + 1 == -(-n // stride)


@often
@given(**axes)
def not_one_zero_too_many(f, n, kernel, stride):
    zeros = sum(f(n, kernel, stride))
    assert zeros == 0 or (n + zeros - 1 - kernel) // stride + 1 < -(-n // stride)


@often
@given(**axes)
def the_odd_one_comes_after(f, n, kernel, stride):
    before, after = f(n, kernel, stride)
    assert after - before in (0, 1)


@often
@given(n=st.integers(1, 40), kernel=st.sampled_from([1, 3, 5, 7]))      # PyTorch warns of even ones
def stride_1_is_what_torch_calls_same(f, n, kernel):
    x, w = torch.arange(1.0, n + 1)[None, None], torch.arange(1.0, kernel + 1)[None, None]
    torch.testing.assert_close(F.conv1d(F.pad(x, f(n, kernel, 1)), w), F.conv1d(x, w, padding="same"))


CHECKS = [
    (3, the_output_has_n_over_stride_values,
     "count the windows: where does the last one begin, what does it need, and can that be less than there is?"),
    (2, not_one_zero_too_many, "as few zeros as the last window needs: does the stride matter in your formula?"),
    (3, the_odd_one_comes_after, "share them out evenly, and look at which side gets the odd one"),
    (2, stride_1_is_what_torch_calls_same, "start with stride 1: an output as long as the input"),
]
