"""DnCNN, the denoiser: Zhang et al., "Beyond a Gaussian Denoiser", TIP 2017, arXiv:1608.03981, section III.A.

    noisy (N, 1, H, W) -> conv 3x3 relu                          64                       A3 of report A, Fig. 3
                       -> [conv 3x3 norm relu] x (depth - 2)     64
                       -> conv 3x3                               1: the noise
    clean = noisy - noise        (N, 1, H, W), about [0, 1] and not clipped; any H and W, nothing is down-sampled

Each 3x3 layer sees one pixel further: a pixel of the answer depends on 35x35 pixels at depth 17, the paper's depth for one known
noise level (20 for unknown ones). 556,097 parameters. The paper and report A compare noise with noise; comparing
clean with clean is the same number, since noisy - noise' - (noisy - noise) = noise - noise'.

Differs from the paper: no bias before a norm, which would cancel it. Report A prints neither depth
nor width: both are the paper's.
"""

from torch import Tensor, nn

from minicolor.models.norm_act import BatchNormAct


class DnCNN(nn.Module):
    """Noisy (N, channels, H, W), around [0, 1] -> clean, the same shape; residual=False learns the picture itself instead."""

    multiple = 1  # what both sides must be multiples of: any will do

    def __init__(self, channels: int = 1, width: int = 64, depth: int = 17, residual: bool = True):
        super().__init__()
        if depth < 2:
            raise ValueError(f"DnCNN needs a first and a last layer: a depth of at least 2, not {depth}")
        layers = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), BatchNormAct(width, slope=0.0)]
        layers += [nn.Conv2d(width, channels, 3, padding=1)]
        self.body, self.residual = nn.Sequential(*layers), residual
        for layer in self.body:
            if isinstance(layer, nn.Conv2d):  # section IV.A: as He et al. 2015, arXiv:1502.01852, equation 10
                nn.init.kaiming_normal_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, noisy: Tensor) -> Tensor:
        out = self.body(noisy)
        return noisy - out if self.residual else out  # the paper's idea: noise is easier to learn than pictures
