"""ResNet18: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385, table 1; the body that
report C's second generator stands on (section 6.5).

    RGB (N, 3, H, W) -> stem: conv 7x7/2 norm relu      H/2, 64
                     -> max pool 3x3/2
                     -> layer1: 2 blocks                H/4, 64
                     -> layer2: 2 blocks, first /2      H/8, 128       block: relu(x + norm conv 3x3 relu norm conv 3x3)
                     -> layer3: 2 blocks, first /2      H/16, 256      where the size changes, x goes through norm conv 1x1/2
                     -> layer4: 2 blocks, first /2      H/32, 512
                     -> mean over the picture, linear   (N, classes) logits

ImageNet weights expect RGB in [0, 1], minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225). Every size works; sides are
rounded up at each halving. 11,689,512 parameters for 1000 classes, 11,176,512 without the head. Names, shapes and order of
the state dict are those of torchvision's resnet18, so its weights fit.

Differs from the paper: as in torchvision, the shortcuts that change the size are 1x1 convolutions (the paper's option B; its
18-layer network has option A, which pads with zeros and has no parameters).
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.models.norm_act import BatchNormAct


class Stages(NamedTuple):
    """What each stage leaves behind for a U-Net, all >= 0: they end in a ReLU."""

    stem: Tensor      # (N, base, H/2, W/2), before the max pool
    layer1: Tensor    # (N, base, H/4, W/4)
    layer2: Tensor    # (N, 2 base, H/8, W/8)
    layer3: Tensor    # (N, 4 base, H/16, W/16)
    layer4: Tensor    # (N, 8 base, H/32, W/32)


class ResNet18(nn.Module):
    """(N, in_channels, H, W), normalized -> (N, classes) logits; classes=None builds no head, and stages() is what there is."""

    def __init__(self, classes: int | None = 1000, in_channels: int = 3, base: int = 64):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, base, 7, stride=2, padding=3, bias=False)
        self.bn1 = BatchNormAct(base, slope=0.0)
        self.layer1 = nn.Sequential(Block(base, base), Block(base, base))
        self.layer2 = nn.Sequential(Block(base, 2 * base, stride=2), Block(2 * base, 2 * base))
        self.layer3 = nn.Sequential(Block(2 * base, 4 * base, stride=2), Block(4 * base, 4 * base))
        self.layer4 = nn.Sequential(Block(4 * base, 8 * base, stride=2), Block(8 * base, 8 * base))
        if classes is not None:
            self.fc = nn.Linear(8 * base, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al. 2015, arXiv:1502.01852: the ReLUs keep the size of the gradient
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def stages(self, x: Tensor) -> Stages:
        """(N, in_channels, H, W) -> the five outputs that a U-Net joins, from the finest to the coarsest."""
        stem = self.bn1(self.conv1(x))
        layer1 = self.layer1(F.max_pool2d(stem, 3, stride=2, padding=1))
        layer2 = self.layer2(layer1)
        layer3 = self.layer3(layer2)
        return Stages(stem, layer1, layer2, layer3, self.layer4(layer3))

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "fc"):
            raise ValueError("this ResNet18 was built without a head (classes=None); call stages()")
        return self.fc(self.stages(x).layer4.mean(dim=(2, 3)))


class Block(nn.Module):
    """(N, channels, H, W) -> (N, out, H/stride, W/stride): two 3x3 convolutions learn what to add to the picture itself."""

    def __init__(self, channels: int, out: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = BatchNormAct(out, slope=0.0)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = BatchNormAct(out)  # no ReLU yet: what is added may be negative
        # the shortcut must have the shape of what is added to it; elsewhere it is x, and has no parameters
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), BatchNormAct(out))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(shortcut + self.bn2(self.conv2(self.bn1(self.conv1(x)))))
