"""The fused norm takes what its twin takes: views, gradients in any layout, frozen parameters, no pictures; the rest is named."""

import pytest
import torch

from minicolor.errors import BadInput
from minicolor.kernels.norm_act import norm_act

pytest.importorskip("triton")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
CL = torch.channels_last


def test_nan_is_not_hidden_by_a_relu():
    x = torch.randn(1, 2, 3, 3, device=DEVICE)
    x[0, 1, 1, 1] = torch.nan
    for slope in (0.0, 0.2):
        y = norm_act(x, slope=slope, backend="triton")
        assert y[0, 1].isnan().all() and y[0, 0].isfinite().all()


VIEWS = {
    "every other column": lambda x: x[..., ::2],
    "transposed": lambda x: x.transpose(2, 3),
    "channels last, cropped": lambda x: x.to(memory_format=CL)[:, :, 1:, 1:],
    "some channels of channels last": lambda x: x.to(memory_format=CL)[:, 1:3],
    "every other picture": lambda x: x[::2],
    "expanded": lambda x: x[:1].expand(3, -1, -1, -1),
    "one channel": lambda x: x.to(memory_format=CL)[:, :1],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
@pytest.mark.parametrize("kind", ["batch", "instance"])
def test_accepts_views(view, kind):
    base = torch.randn(3, 4, 4, 6, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    found = []
    for backend in ("triton", "torch"):
        leaf = base.clone().requires_grad_()
        y = norm_act(view(leaf), kind=kind, slope=0.2, backend=backend)
        (y * torch.arange(y.numel(), device=DEVICE).view(y.shape).sin()).sum().backward()
        found.append((y.detach(), leaf.grad))
    for ours, theirs in zip(*found):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("last", [True, False])
def test_gradients_come_in_any_layout(last):
    base = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    dys = [torch.ones((), device=DEVICE).expand(2, 3, 4, 5), base.sin(), base.sin().to(memory_format=CL), base.sin().flip(3)]
    for dy in dys:
        grads = []
        for backend in ("triton", "torch"):
            x = (base.to(memory_format=CL) if last else base).detach().clone().requires_grad_()
            grads.append(torch.autograd.grad(norm_act(x, slope=0.2, backend=backend), x, dy)[0])
        torch.testing.assert_close(*grads, atol=2e-5, rtol=1e-5)


def test_only_what_is_asked_for():
    """Frozen layers: of x, weight and bias each may want a gradient alone; strided parameters and half ones are fine."""
    x = torch.randn(2, 3, 3, 3, device=DEVICE)
    wide = torch.rand(3, 2, device=DEVICE) + 0.5
    running = torch.zeros(3, device=DEVICE), torch.ones(3, device=DEVICE)
    for training in (True, False):
        for i in range(3):
            grads = []
            for backend in ("triton", "torch"):
                leaves = [x.clone(), wide[:, 0].detach(), wide[:, 1].detach()]
                leaves[i].requires_grad_()
                y = norm_act(*leaves, *(t.clone() for t in running), training=training, slope=0.2, backend=backend)
                grads.append(torch.autograd.grad(y.sin().sum(), leaves[i])[0])
            torch.testing.assert_close(*grads, atol=2e-5, rtol=1e-5)
    half = [torch.ones(3, device=DEVICE, dtype=torch.bfloat16, requires_grad=True) for _ in range(2)]
    norm_act(x.bfloat16(), *half, backend="triton").sum().backward()
    assert half[0].grad.dtype == half[1].grad.dtype == torch.bfloat16


def test_running_statistics_with_strides_are_renewed_too():
    x, found = torch.randn(2, 3, 3, 3, device=DEVICE), []
    for backend in ("triton", "torch"):
        table = torch.stack([torch.zeros(3), torch.ones(3)], dim=1).to(DEVICE)
        norm_act(x, None, None, table[:, 0], table[:, 1], backend=backend)
        found.append(table)
    torch.testing.assert_close(*found)
    assert (found[0][:, 0] != 0).all()


def test_running_statistics_changed_under_a_pending_backward_are_noticed():
    running = torch.zeros(2, device=DEVICE), torch.ones(2, device=DEVICE)
    x = torch.randn(1, 2, 3, 3, device=DEVICE, requires_grad=True)
    y = norm_act(x, None, None, *running, training=False, backend="triton")
    norm_act(x, None, None, *running, backend="triton")
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_an_empty_batch_is_fine_and_changes_nothing(backend):
    mean, var = torch.zeros(4, device=DEVICE), torch.ones(4, device=DEVICE)
    x = torch.zeros(0, 4, 3, 3, device=DEVICE, requires_grad=True)
    for kind, running in (("batch", (mean, var)), ("instance", (None, None))):
        y = norm_act(x, None, None, *running, kind=kind, slope=0.2, backend=backend)
        y.sum().backward()
        assert y.shape == x.shape == x.grad.shape
    assert not mean.any() and (var == 1).all()


X, C3, C4 = torch.randn(2, 3, 4, 4), torch.ones(3), torch.ones(4)
BAD = {
    "argument x: expected float16": {"x": X.int()},
    r"argument x: expected \(N, C, H, W\)": {"x": X[0]},
    "argument x: expected more than 1 value per channel": {"x": X[:1, :, :1, :1]},
    "argument x: expected more than 1 value": {"x": X[:, :, :1, :1], "kind": "instance"},
    "argument weight: expected shape": {"weight": C4},
    "argument bias: expected x's type": {"bias": C3.double()},
    "argument weight: expected x's type": {"weight": C3.half()},
    "expected one type": {"x": X.half(), "weight": C3, "bias": C3.half()},
    "argument bias: expected x's device": {"bias": C3.to("meta")},
    "argument kind: expected": {"kind": "layer"},
    "running_var with it": {"running_mean": C3},
    "None for kind": {"running_mean": C3, "running_var": C3, "kind": "instance"},
    "a tensor where training is False": {"training": False},
    "argument slope: expected a finite": {"slope": -0.1},
    "argument slope": {"slope": float("nan")},
    "argument eps": {"eps": float("inf")},
    "argument momentum": {"momentum": 1.5},
    "backend 'cuda'": {"backend": "cuda"},
}


@pytest.mark.parametrize("backend", ["triton", "torch"])
@pytest.mark.parametrize("sentence", BAD)
def test_bad_input_is_named(sentence, backend):
    call = {"x": X, "backend": backend, **BAD[sentence]}
    call = {k: v.to(DEVICE) if isinstance(v, torch.Tensor) and v.device.type == "cpu" else v for k, v in call.items()}
    with pytest.raises(BadInput, match=sentence):
        norm_act(**call)
