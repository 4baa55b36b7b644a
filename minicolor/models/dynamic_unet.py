"""The pretrained generator: a U-Net on ResNet18's stages. Report C, section 6.5 ("New Generator"); fastai's DynamicUnet
construction, a U-Net (Ronneberger et al. 2015, arXiv:1505.04597) on a body (He et al. 2016, arXiv:1512.03385) whose way up
is the pixel shuffle (Shi et al. 2016, arXiv:1609.05158) with the ICNR start (Aitken et al. 2017, arXiv:1707.02937).

    grey (N, 1, H, W) in [-1, 1] -> body: ResNet18 without its head     stem 64 at H/2, then 64, 128, 256, 512 at H/4 .. H/32
                                 -> norm relu, conv 3x3 relu x 2        H/32, 512 -> 1024 -> 512
                                 -> up + layer3: 256 + 256 -> 512       H/16
                                 -> up + layer2: 256 + 128 -> 384       H/8        up: conv 1x1 relu, pixel shuffle
                                 -> up + layer1: 192 + 64 -> 256        H/4        then relu(norm(skip)) beside it,
                                 -> up + stem:   128 + 64 -> 96         H/2        then conv 3x3 relu x 2
                                 -> up + the input: 96 + 1              H
                                 -> relu(x + conv 3x3 relu conv 3x3), conv 1x1     (N, 2, H, W)

No last activation: the values aim at [-1, 1] (ab / 110) and are not held there. Height and width must be multiples of 32.
31,099,672 parameters for 1 -> 2 channels at base 64.

Differs from the report: nothing that it says; what it leaves open is fastai's default (no blur, no self-attention, no norm in
the way up). Differs from fastai: stages and skips stand here by name, where fastai finds them by sending a dummy picture
through; sizes that are no multiple of 32 are refused, where fastai stretches what comes from below.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.models.norm_act import BatchNormAct
from minicolor.models.resnet18 import ResNet18


class DynamicUnet(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] -> (N, out_channels, H, W), unbounded; H and W multiples of 32."""

    multiple = 32  # what both sides must be multiples of

    def __init__(self, in_channels: int = 1, out_channels: int = 2, base: int = 64):
        super().__init__()
        self.body = ResNet18(classes=None, in_channels=in_channels, base=base)
        self.norm = _norm(8 * base)
        self.middle = nn.Sequential(*_conv_relu(8 * base, 16 * base), *_conv_relu(16 * base, 8 * base))
        self.up16 = Up(8 * base, skip=4 * base, out=8 * base)     # with layer3, at H/16
        self.up8 = Up(8 * base, skip=2 * base, out=6 * base)      # with layer2, at H/8
        self.up4 = Up(6 * base, skip=base, out=4 * base)          # with layer1, at H/4
        self.up2 = Up(4 * base, skip=base, out=3 * base // 2)     # with the stem, at H/2; half as wide: the picture is large here
        self.up1 = Shuffle(3 * base // 2, 3 * base // 2)
        joined = 3 * base // 2 + in_channels                      # beside the input itself, at H
        self.residual = nn.Sequential(*_conv_relu(joined, joined), _conv(joined, joined))
        self.last = nn.Conv2d(joined, out_channels, 1)
        nn.init.normal_(self.last.bias, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2] % 32 or x.shape[-1] % 32:
            raise ValueError(f"DynamicUnet needs sides that are multiples of 32, not {x.shape[-2]}x{x.shape[-1]}")
        stages = self.body.stages(x)
        up = self.middle(self.norm(stages.layer4))                # (N, 512, H/32, W/32)
        up = self.up16(up, stages.layer3)
        up = self.up8(up, stages.layer2)
        up = self.up4(up, stages.layer1)
        up = self.up2(up, stages.stem)                            # (N, 96, H/2, W/2)
        up = torch.cat([self.up1(up), x], dim=1)                  # (N, 96 + 1, H, W)
        return self.last(F.relu(up + self.residual(up)))


class Up(nn.Module):
    """From below (N, channels, h, w) and skip (N, skip, 2h, 2w) -> (N, out, 2h, 2w), >= 0."""

    def __init__(self, channels: int, skip: int, out: int):
        super().__init__()
        self.shuffle = Shuffle(channels, channels // 2)
        self.norm = _norm(skip)  # the body's values are as large as ImageNet made them; the way up is new
        self.convs = nn.Sequential(*_conv_relu(channels // 2 + skip, out), *_conv_relu(out, out))

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        # fastai takes the ReLU of both; the one from below has just been through a ReLU
        return self.convs(torch.cat([self.shuffle(below), self.norm(skip)], dim=1))


class Shuffle(nn.Module):
    """(N, channels, h, w) -> (N, out, 2h, 2w), >= 0: four channels become the four pixels of a 2x2 block.

    ICNR: the four start as copies of one, so that the first output is nearest-neighbor up-sampling and shows no checkerboard.
    """

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * out, 1)
        one = nn.init.kaiming_normal_(torch.empty_like(self.conv.weight[::4]))
        with torch.no_grad():
            self.conv.weight.copy_(one.repeat_interleave(4, dim=0))  # pixel_shuffle reads channels 4c .. 4c + 3 as c's block
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(F.relu(self.conv(x)), 2)


def grey_body(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A ResNet18's state dict for RGB -> one for DynamicUnet(1).body: without the head, first convolution summed over RGB.

    What R = G = B = x gave, x alone then gives. ValueError if this is no ResNet18's state dict for three channels.
    """
    first = state.get("conv1.weight")
    if first is None or first.ndim != 4 or first.shape[1] != 3:
        raise ValueError("grey_body needs a ResNet18's state dict, with a conv1.weight for three channels")
    body = {name: value for name, value in state.items() if not name.startswith("fc.")}
    return body | {"conv1.weight": first.sum(dim=1, keepdim=True)}


def _conv(channels: int, out: int) -> nn.Conv2d:
    conv = nn.Conv2d(channels, out, 3, padding=1)
    nn.init.kaiming_normal_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


def _conv_relu(channels: int, out: int) -> list[nn.Module]:
    return [_conv(channels, out), nn.ReLU()]


def _norm(channels: int) -> BatchNormAct:
    norm = BatchNormAct(channels, slope=0.0)
    nn.init.constant_(norm.bias, 1e-3)  # fastai's start
    return norm
