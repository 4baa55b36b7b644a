"""VGG16: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
arXiv:1409.1556, table 1, column D; the network of perceptual losses and of LPIPS-vgg (losses/lpips.py).

    RGB (N, 3, H, W) -> 2 x relu conv 3x3              H, 64         read after the last ReLU of each row:
                     -> pool, 2 x relu conv 3x3        H/2, 128      relu1_2, relu2_2, relu3_3, relu4_3, relu5_3
                     -> pool, 3 x relu conv 3x3        H/4, 256
                     -> pool, 3 x relu conv 3x3        H/8, 512      pool: max 2x2/2, sides are rounded down
                     -> pool, 3 x relu conv 3x3        H/16, 512
                     -> pool, mean over a grid of 7x7  (N, 512 * 49)
                     -> 4096 -> 4096 -> classes        (N, classes) logits

ImageNet weights expect RGB in [0, 1], minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225). stages() takes pictures from
16x16, the head from 32x32. 138,357,544 parameters for 1000 classes, 14,714,688 without the head. Names and shapes of the state
dict are those of torchvision's vgg16, so its weights fit.

Differs from the paper: as in torchvision any size by the 7x7 grid, and He's start, which needs no shallower network before it.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class VGG16(nn.Module):
    """(N, 3, H, W), normalized -> (N, classes) logits; classes=None builds no head, and stages() is what there is."""

    CHANNELS = (64, 128, 256, 512, 512)  # of what stages() gives
    SMALLEST = 16                        # below, a pool has nothing left to read

    def __init__(self, classes: int | None = 1000, dropout: float = 0.5):
        super().__init__()
        layers, before = [], 3
        for c, convs in zip(self.CHANNELS, (2, 2, 3, 3, 3), strict=True):
            for _ in range(convs):
                layers += [nn.Conv2d(before, c, 3, padding=1), nn.ReLU(inplace=True)]  # in place: the largest maps of all
                before = c
            layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        if classes is not None:
            self.classifier = nn.Sequential(
                nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(dropout),
                nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(dropout),
                nn.Linear(4096, classes),
            )  # fmt: skip
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al. 2015, arXiv:1502.01852: the ReLUs keep the size of the gradient
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0, 0.01)
                nn.init.zeros_(layer.bias)

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) -> relu1_2, relu2_2, relu3_3, relu4_3, relu5_3, all >= 0: what each pool is given."""
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < self.SMALLEST:
            raise ValueError(f"VGG16 expects (N, 3, H, W) from {self.SMALLEST}x{self.SMALLEST}, got {tuple(x.shape)}")
        read = []
        for layer in self.features[:-1]:  # LPIPS does not read the last pool, and it would need 32x32
            if isinstance(layer, nn.MaxPool2d):
                read.append(x)
            x = layer(x)
        return (*read, x)

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "classifier"):
            raise ValueError("this VGG16 was built without a head (classes=None); call stages()")
        if min(x.shape[2:]) < 32:
            raise ValueError(f"VGG16's head expects (N, 3, H, W) from 32x32, got {tuple(x.shape)}")
        x = self.features[-1](self.stages(x)[-1])
        return self.classifier(F.adaptive_avg_pool2d(x, 7).flatten(1))
