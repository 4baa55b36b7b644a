"""DeepLab on MobileNetV3: what is where in a picture. Chen et al. 2017, arXiv:1706.05587 (V3), and 2018, arXiv:1802.02611 (V3+),
the segmentation that report D's fusion model reads (section 8.3.2).

    RGB (N, 3, H, W), normalized -> backbone: mobilenet_v3.py, dilated           H/16, 960        low: H/4, 24
                                 -> ASPP: conv 1x1; conv 3x3 with holes, rates 12, 24, 36; the picture's mean (five views, from
                                    a pixel to everything), joined, conv 1x1     H/16, 256
    V3    -> conv 3x3 norm relu, conv 1x1                                        H/16, classes    -> up to H, W
    V3+   -> up x4, joined to low (conv 1x1 norm relu: 48)                       H/4, 304
          -> [conv 3x3 norm relu] x 2, conv 1x1                                  H/4, classes     -> up to H, W

-> logits (N, classes, H, W). Input: RGB in [0, 1], minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225). Every size works.
In training a batch holds at least 2 pictures: the ASPP takes BatchNorm's statistics of one mean per picture.

DeepLabV3 is torchvision's deeplabv3_mobilenet_v3_large with its auxiliary head: 11,029,328 parameters with 21 classes, and its
names, shapes and order, so its weights fit. DeepLabV3Plus has 11,727,653; encoder() picks what those weights have for it, all but
its decoder, which remains to be trained: torchvision has no V3+.

Differs from the papers: as in torchvision, plain 3x3 convolutions instead of V3+'s depthwise separable ones, rates 12, 24, 36 at
H/16 (the papers: 6, 12, 18), and dropout of 0.5 after the ASPP. V3+'s low-level features are
the last block's at H/4 (features.3); the papers' backbones are others.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.models.mobilenet_v3 import BLOCKS, LAST, MobileNetV3
from minicolor.models.norm_act import BatchNormAct
from minicolor.parallel import world

RATES = (12, 24, 36)
LOW, MIDDLE = BLOCKS[2].out, BLOCKS[3].out  # channels at H/4 and H/8: 24 and 40
ENCODER = ("backbone.", "classifier.0.")


class DeepLabV3(nn.Module):
    """(N, 3, H, W), normalized -> logits (N, classes, H, W)."""

    def __init__(self, classes: int = 21):
        super().__init__()
        self.backbone = MobileNetV3(classes=None, dilated=True).features
        # the names count torchvision's ReLUs: an Identity keeps their places, BatchNormAct does their work
        self.classifier = nn.Sequential(
            ASPP(LAST), *_conv_norm_relu(256, 256, 3), nn.Identity(), nn.Conv2d(256, classes, 1)
        )  # fmt: skip
        few = MIDDLE // 4
        self.aux_classifier = nn.Sequential(
            *_conv_norm_relu(MIDDLE, few, 3), nn.Identity(), nn.Dropout(0.1), nn.Conv2d(few, classes, 1)
        )

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """For training: the logits, and those of the auxiliary head, which pushes the first half of the network directly."""
        stages = self.backbone.stages(x)
        return _resize(self.classifier(stages.last), x), _resize(self.aux_classifier(stages.middle), x)

    def forward(self, x: Tensor) -> Tensor:
        return _resize(self.classifier(self.backbone.stages(x).last), x)


class DeepLabV3Plus(nn.Module):
    """(N, 3, H, W), normalized -> logits (N, classes, H, W); load_state_dict(encoder(weights of V3), strict=False) fits."""

    def __init__(self, classes: int = 21):
        super().__init__()
        self.backbone = MobileNetV3(classes=None, dilated=True).features
        self.classifier = nn.Sequential(ASPP(LAST))  # a Sequential of one: V3's weights call it classifier.0
        self.reduce = nn.Sequential(*_conv_norm_relu(LOW, 48, 1))  # few: they should not outweigh the 256 that know more
        self.decoder = nn.Sequential(
            *_conv_norm_relu(256 + 48, 256, 3), *_conv_norm_relu(256, 256, 3), nn.Conv2d(256, classes, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        stages = self.backbone.stages(x)
        low = self.reduce(stages.low)                                           # (N, 48, H/4, W/4)
        high = _resize(self.classifier(stages.last), low)                       # (N, 256, H/4, W/4)
        return _resize(self.decoder(torch.cat([high, low], dim=1)), x)


def encoder(state: dict[str, Any]) -> dict[str, Tensor]:
    """A state dict of DeepLabV3, torchvision's or ours -> what of it fits DeepLabV3Plus: all but V3's heads.

    ValueError where it is another network's.
    """
    with torch.device("meta"):
        expected = {name: tuple(v.shape) for name, v in DeepLabV3Plus().state_dict().items() if name.startswith(ENCODER)}
    picked = {name: value for name, value in state.items() if name.startswith(ENCODER)}
    for name in [*expected, *picked]:
        shape = tuple(picked[name].shape) if name in picked else None
        if shape != expected.get(name):
            raise ValueError(f"these are not the weights of torchvision's deeplabv3_mobilenet_v3_large: expected {name} of shape "
                             f"{expected.get(name)}, found {shape}")
    return picked


class ASPP(nn.Module):
    """(N, channels, H, W) -> (N, 256, H, W): "atrous spatial pyramid pooling", five views of the same place."""

    def __init__(self, channels: int):
        super().__init__()
        mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), *_conv_norm_relu(channels, 256, 1))
        holes = [nn.Sequential(*_conv_norm_relu(channels, 256, 3, rate)) for rate in RATES]
        self.convs = nn.ModuleList([nn.Sequential(*_conv_norm_relu(channels, 256, 1)), *holes, mean])
        self.project = nn.Sequential(*_conv_norm_relu(len(self.convs) * 256, 256, 1), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        norm = self.convs[-1][-1]
        if norm.training and len(x) < 2 and world() == 1:            # several processes have the statistics of all their pictures
            raise ValueError("DeepLab needs batches of at least 2 pictures in training, not 1: its ASPP takes BatchNorm's "
                             "statistics of one mean per picture")
        *places, mean = (conv(x) for conv in self.convs)
        return self.project(torch.cat([*places, mean.expand_as(places[0])], dim=1))


def _conv_norm_relu(channels: int, out: int, kernel: int, rate: int = 1) -> list[nn.Module]:
    padding = kernel // 2 * rate
    return [
        nn.Conv2d(channels, out, kernel, padding=padding, dilation=rate, bias=False), BatchNormAct(out, slope=0.0)
    ]  # fmt: skip


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
