"""The convolutional autoencoder of report A, section II.A.1, Table I: the smallest network that colors, 1,978 parameters.

    L (N, 1, H, W) -> conv 3x3 relu, max-pool 2    H/2, 16                                          A4 of report A
                   -> conv 3x3 relu, max-pool 2    H/4, 8: all that is kept of the picture
                   -> tconv 2x2/2 relu             H/2, 16
                   -> tconv 2x2/2                  H, 2: ab, about [-1, 1], not bounded

Height and width must be multiples of 4 (224 in the report). Each 2x2 transposed convolution with stride 2 paints its own square
of 2x2 pixels: so the 4x4 pixels of one place in the middle are all painted from that place's 8 numbers, and nothing
sharper than that gets through. "Just a color filter", finds the report.

Differs from the report: the first row of its table prints 32 channels in, which its one-channel L cannot have. The table names no
activations: here ReLU between the layers and none at the end, since a and b have both signs.
Weights start as PyTorch starts them.
"""

from torch import Tensor, nn


class CAE(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] -> (N, out_channels, H, W), about [-1, 1], not bounded; H and W multiples of 4."""

    multiple = 4  # what both sides must be multiples of

    def __init__(self, in_channels: int = 1, out_channels: int = 2):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(8, 16, 2, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(16, out_channels, 2, stride=2),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        if height % 4 or width % 4 or not height * width:
            raise ValueError(f"CAE needs sides that are multiples of 4, not {height}x{width}")
        return self.decoder(self.encoder(x))
