"""AlexNet in one column: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997; after
Krizhevsky et al., NIPS 2012. The network of the usual LPIPS figures (losses/lpips.py).

    RGB (N, 3, H, W) -> relu conv 11x11/4                about H/4, 64      read
                     -> pool, relu conv 5x5              about H/8, 192     read         pool: max 3x3/2
                     -> pool, relu conv 3x3              about H/16, 384    read
                     -> relu conv 3x3                    about H/16, 256    read
                     -> relu conv 3x3                    about H/16, 256    read
                     -> pool, mean over a grid of 6x6    (N, 256 * 36)
                     -> 4096 -> 4096 -> classes          (N, classes) logits

ImageNet weights expect RGB in [0, 1], minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225). stages() takes pictures from
31x31, the head from 63x63. 61,100,840 parameters for 1000 classes, 2,469,696 without the head. Names and shapes of the state
dict are those of torchvision's alexnet, so its weights fit.

Differs from the paper: as in torchvision 256 filters in the fourth layer (paper: 384), PyTorch's start, any size by the 6x6 grid.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class AlexNet(nn.Module):
    """(N, 3, H, W), normalized -> (N, classes) logits; classes=None builds no head, and stages() is what there is."""

    CHANNELS = (64, 192, 384, 256, 256)  # of what stages() gives
    SMALLEST = 31                        # below, a pool has nothing left to read

    def __init__(self, classes: int | None = 1000, dropout: float = 0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        if classes is not None:
            self.classifier = nn.Sequential(
                nn.Dropout(dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(),
                nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(),
                nn.Linear(4096, classes),
            )  # fmt: skip

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) -> the five outputs that LPIPS reads, all >= 0: what each ReLU leaves."""
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < self.SMALLEST:
            raise ValueError(f"AlexNet expects (N, 3, H, W) from {self.SMALLEST}x{self.SMALLEST}, got {tuple(x.shape)}")
        read = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                read.append(x)
        return tuple(read)

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "classifier"):
            raise ValueError("this AlexNet was built without a head (classes=None); call stages()")
        if min(x.shape[2:]) < 63:
            raise ValueError(f"AlexNet's head expects (N, 3, H, W) from 63x63, got {tuple(x.shape)}")
        x = F.max_pool2d(self.stages(x)[-1], 3, stride=2)
        return self.classifier(F.adaptive_avg_pool2d(x, 6).flatten(1))
