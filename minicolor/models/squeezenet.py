"""SqueezeNet 1.1: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", arXiv:1602.07360, in the
smaller version 1.1 that its authors published later; the smallest of the networks that LPIPS reads (losses/lpips.py).

    RGB (N, 3, H, W) -> conv 3x3/2 relu                  about H/2, 64      read
                     -> pool, fire 64-16-128, fire       about H/4, 128     read         pool: max 3x3/2
                     -> pool, fire 128-32-256, fire      about H/8, 256     read
                     -> pool, fire 256-48-384            about H/16, 384    read         fire in-squeezed-out:
                              fire 384-48-384            about H/16, 384    read         relu conv 1x1 to few channels, then
                              fire 384-64-512            about H/16, 512    read         relu conv 1x1 and relu conv 3x3 of them
                              fire 512-64-512            about H/16, 512    read         side by side
                     -> dropout, relu conv 1x1, mean over the picture       (N, classes) logits

ImageNet weights expect RGB in [0, 1], minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225). Pictures from 17x17.
1,235,496 parameters for 1000 classes, 722,496 without the head. Names and shapes of the state dict are those of torchvision's
squeezenet1_1, so its weights fit.

Differs from the paper: version 1.1 starts with 64 filters of 3x3 (paper: 96 of 7x7) and pools earlier, which costs less than
half as much at the same accuracy. Like torchvision: He's start, no padding in the first layer, pools that keep a broken edge.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SqueezeNet(nn.Module):
    """(N, 3, H, W), normalized -> (N, classes) logits; classes=None builds no head, and stages() is what there is."""

    CHANNELS = (64, 128, 256, 384, 384, 512, 512)  # of what stages() gives
    SMALLEST = 17                                  # below, a pool has nothing left to read

    def __init__(self, classes: int | None = 1000, dropout: float = 0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), _pool(),
            Fire(64, 16, 128), Fire(128, 16, 128), _pool(),
            Fire(128, 32, 256), Fire(256, 32, 256), _pool(),
            Fire(256, 48, 384), Fire(384, 48, 384), Fire(384, 64, 512), Fire(512, 64, 512),
        )  # fmt: skip
        if classes is not None:
            self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Conv2d(512, classes, 1), nn.ReLU())
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al. 2015, arXiv:1502.01852: the ReLUs keep the size of the signal
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        if classes is not None:
            nn.init.normal_(self.classifier[1].weight, 0, 0.01)

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) -> the seven outputs that LPIPS reads, all >= 0, from the finest to the coarsest."""
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < self.SMALLEST:
            raise ValueError(f"SqueezeNet expects (N, 3, H, W) from {self.SMALLEST}x{self.SMALLEST}, got {tuple(x.shape)}")
        read = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in (1, 4, 7, 9, 10, 11, 12):  # what a pool follows, and every fire after the last pool
                read.append(x)
        return tuple(read)

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "classifier"):
            raise ValueError("this SqueezeNet was built without a head (classes=None); call stages()")
        return self.classifier(self.stages(x)[-1]).mean(dim=(2, 3))


class Fire(nn.Module):
    """(N, channels, H, W) -> (N, out, H, W): the expensive 3x3 filters see few channels and make only half of the output."""

    def __init__(self, channels: int, squeezed: int, out: int):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, out // 2, 1)
        self.expand3x3 = nn.Conv2d(squeezed, out // 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)  # a last row that is not full counts too
