"""The fusion model: a U-Net that is told what is where. Report D ("CMS4CV"), sections 3 and 8.3.2 (D2).

    grey (N, 1, S, S) in [0, 1] -> three equal channels, ImageNet-normalized -> segmenter, frozen -> logits (N, classes, S, S)
                                                                             -> softmax: each pixel's share of each class
    grey beside the class maps, (N, 1 + classes, S, S) -> SuperResUNet: 4 down blocks, 1024 channels, 5 up blocks
                                                       -> RGB (N, 3, 2S, 2S) in [0, 1]

The segmenter is handed in: a network from normalized RGB to logits of the same size, in the report DeepLabV3+ on MobileNetV3
(deeplab.py). It never learns here and is always in eval mode, but its weights are in the state dict, so that a checkpoint is
whole. Height and width must be multiples of 2^levels. 26,750,787 parameters learn with 21 classes.

Differs from the report: nothing that it prints. It does not print what is handed on (softmax, logits or labels) nor where it
joins: here the softmax, beside the grey picture, at its input ("enrich the input"). See superres_unet.py for the rest.
"""

import torch
from torch import Tensor, nn

from minicolor.models.superres_unet import SuperResUNet
from minicolor.ops.units import rgb_to_imagenet


class FusionUNet(nn.Module):
    """Grey (N, 1, H, W) in [0, 1] -> RGB (N, 3, 2H, 2W) in [0, 1]; segmenter: (N, 3, H, W) -> logits (N, classes, H, W)."""

    def __init__(
        self, segmenter: nn.Module, classes: int = 21, base: int = 64, levels: int = 4,
        convs: int = 2, slope: float = 0.2, output: str = "sigmoid",
    ):  # fmt: skip
        super().__init__()
        self.classes = classes
        self.segmenter = segmenter.requires_grad_(False).eval()
        for layer in self.segmenter.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.track_running_stats = False  # PyTorch's spelling of "keep what you have": nothing resets or renews it
        self.unet = SuperResUNet(1 + classes, 3, base, levels, convs, slope, output)
        self.multiple = self.unet.multiple

    def train(self, mode: bool = True) -> "FusionUNet":
        super().train(mode)
        self.segmenter.eval()  # else its BatchNorm statistics would drift, and its dropout would blur the maps
        return self

    @torch.no_grad()
    def segment(self, grey: Tensor) -> Tensor:
        """(N, 1, H, W) in [0, 1] -> each pixel's share of each class, (N, classes, H, W), in all 1."""
        if grey.ndim != 4 or grey.shape[1] != 1:
            raise ValueError(f"FusionUNet needs grey pictures of shape (N, 1, H, W), not {tuple(grey.shape)}")
        self.segmenter.eval()                                                   # modes.py switches layers one by one
        logits = self.segmenter(rgb_to_imagenet(grey))                          # one channel becomes three
        expected = (len(grey), self.classes, *grey.shape[-2:])
        if tuple(logits.shape) != expected:
            raise ValueError(f"this FusionUNet needs a segmenter that gives {expected}, not {tuple(logits.shape)}")
        return logits.softmax(dim=1)

    def forward(self, grey: Tensor) -> Tensor:
        return self.unet(torch.cat([grey, self.segment(grey)], dim=1))
