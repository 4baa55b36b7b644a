"""MobileNetV3-Large: Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244, table 1; the body of report D's
segmentation (DeepLabV3+, section 8.3.2).

    RGB (N, 3, H, W) -> features.0: conv 3x3/2 norm hswish      H/2, 16
                     -> features.1-15: the blocks of BLOCKS     H/4, 24; H/8, 40; H/16, 112; H/32, 160
                     -> features.16: conv 1x1 norm hswish       H/32, 960
                     -> mean over the picture, linear hswish dropout linear      (N, classes) logits

    block: conv 1x1 to many channels, a depthwise conv (one kernel for each channel), squeeze-excitation (a gain in [0, 1] for
           each channel, from its mean), conv 1x1 to few channels, without activation; plus x where the shape stays

dilated=True, as segmentation wants it: the last halving is left out, and the kernels from there on reach twice as far (with
holes: "atrous") so that they see as much; the weights are the same and the end is at H/16. ImageNet weights expect RGB in
[0, 1], minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225). Every size works; sides are rounded up at each halving.
5,483,032 parameters for 1000 classes, 2,971,952 without the head. Names, shapes and order of the state dict are those of
torchvision's mobilenet_v3_large, so its weights fit.

Differs from the paper: as in torchvision, the layer after the mean has 1280 outputs of a linear layer (the paper: a 1x1
convolution, the same thing), and the dropout after it is 0.2 (the paper prints 0.8, the share that stays).
"""

from typing import NamedTuple

from torch import Tensor, nn

from minicolor.models.norm_act import BatchNormAct


class Row(NamedTuple):
    """A line of the paper's table 1: a block's kernel, its many channels, its few, and what is in it."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    act: str
    stride: int


BLOCKS = (
    Row(3, 16, 16, False, "relu", 1),      # features.1     H/2; as many channels as came in: it has no first convolution
    Row(3, 64, 24, False, "relu", 2),      # features.2     H/4
    Row(3, 72, 24, False, "relu", 1),
    Row(5, 72, 40, True, "relu", 2),       # features.4     H/8
    Row(5, 120, 40, True, "relu", 1),
    Row(5, 120, 40, True, "relu", 1),
    Row(3, 240, 80, False, "hswish", 2),   # features.7     H/16
    Row(3, 200, 80, False, "hswish", 1),
    Row(3, 184, 80, False, "hswish", 1),
    Row(3, 184, 80, False, "hswish", 1),
    Row(3, 480, 112, True, "hswish", 1),
    Row(3, 672, 112, True, "hswish", 1),
    Row(5, 672, 160, True, "hswish", 2),   # features.13    H/32; dilated: stays at H/16
    Row(5, 960, 160, True, "hswish", 1),
    Row(5, 960, 160, True, "hswish", 1),
)
DILATED_FROM = 12  # the place in BLOCKS of the last halving
LAST = 960


class Stages(NamedTuple):
    """What DeepLab reads, from the finest to the coarsest."""

    low: Tensor     # (N, 24, H/4, W/4), after features.3: edges, for the decoder of V3+
    middle: Tensor  # (N, 40, H/8, W/8), after features.4: for V3's auxiliary head
    last: Tensor    # (N, 960, H/16, W/16) dilated, or H/32


class MobileNetV3(nn.Module):
    """(N, 3, H, W), normalized -> (N, classes) logits; classes=None builds no head, and stages() is what there is."""

    def __init__(self, classes: int | None = 1000, dilated: bool = False):
        super().__init__()
        self.features = Features(dilated)
        if classes is not None:
            self.classifier = nn.Sequential(
                nn.Linear(LAST, 1280), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1280, classes)
            )  # fmt: skip
            for layer in (self.classifier[0], self.classifier[3]):
                nn.init.normal_(layer.weight, 0.0, 0.01)
                nn.init.zeros_(layer.bias)

    def stages(self, x: Tensor) -> Stages:
        return self.features.stages(x)

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "classifier"):
            raise ValueError("this MobileNetV3 was built without a head (classes=None); call stages()")
        return self.classifier(self.stages(x).last.mean(dim=(2, 3)))


class Features(nn.Sequential):
    """(N, 3, H, W) -> (N, 960, H/32, W/32), or H/16 if dilated. A room of its own: DeepLab's state dict calls it "backbone"."""

    def __init__(self, dilated: bool = False):
        layers, channels = [_conv_norm_act(3, 16, 3, "hswish", stride=2)], 16
        for place, row in enumerate(BLOCKS):
            layers.append(Block(channels, row, dilated=dilated and place >= DILATED_FROM))
            channels = row.out
        super().__init__(*layers, _conv_norm_act(channels, LAST, 1, "hswish"))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al. 2015, arXiv:1502.01852, by what leaves each layer
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def stages(self, x: Tensor) -> Stages:
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"MobileNetV3 needs pictures of shape (N, 3, H, W), not {tuple(x.shape)}")
        after = []
        for layer in self:
            x = layer(x)
            after.append(x)
        return Stages(low=after[3], middle=after[4], last=x)

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x).last


class Block(nn.Module):
    """(N, channels, H, W) -> (N, row.out, H/stride, W/stride); dilated: kernels with holes, and no stride."""

    def __init__(self, channels: int, row: Row, dilated: bool = False):
        super().__init__()
        many = row.expanded
        stride, dilation = (1, 2) if dilated else (row.stride, 1)
        layers = []
        if many != channels:
            layers += [_conv_norm_act(channels, many, 1, row.act)]
        layers += [_conv_norm_act(many, many, row.kernel, row.act, stride, dilation, groups=many)]
        if row.squeeze:
            layers += [SqueezeExcitation(many)]
        self.block = nn.Sequential(*layers, _conv_norm_act(many, row.out, 1, act=None))
        self.adds = stride == 1 and channels == row.out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.adds else self.block(x)


class SqueezeExcitation(nn.Module):
    """Hu et al. 2018, arXiv:1709.01507: each channel (N, C, H, W) times a gain in [0, 1] that all channels' means decide."""

    def __init__(self, channels: int):
        super().__init__()
        squeezed = round_to_8(channels // 4)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=(2, 3), keepdim=True)                                # (N, C, 1, 1)
        return x * nn.functional.hardsigmoid(self.fc2(self.fc1(means).relu()))


def round_to_8(width: int) -> int:
    """The nearest multiple of 8, at least 8; the one above where the nearest would lose more than a tenth."""
    nearest = max(8, (width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest


def _conv_norm_act(
    channels: int, out: int, kernel: int, act: str | None, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2 * dilation, dilation, groups, bias=False)
    norm = BatchNormAct(out, eps=0.001, momentum=0.01, slope=0.0 if act == "relu" else None)
    return nn.Sequential(conv, norm, nn.Hardswish()) if act == "hswish" else nn.Sequential(conv, norm)
