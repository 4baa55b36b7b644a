"""Half as large.     source: report D, 3 (pictures of 256 -> 128, which its network then doubles again)"""

import torch
from torch import Tensor

from minicolor.errors import BadInput


def halve(x: Tensor) -> Tensor:
    """(N, C, H, W), float -> (N, C, ceil(H/2), ceil(W/2)): the mean of each 2x2 block.

    With an odd side, the last row or column is repeated once: the last blocks are then means of two pixels, or of one.
    """
    if not (isinstance(x, Tensor) and x.ndim == 4 and x.is_floating_point()):
        raise BadInput(f"argument x: expected float pictures (N, C, H, W), not {getattr(x, 'dtype', x)!r}"
                       f" {tuple(getattr(x, 'shape', ()))}")
    if x.shape[2] % 2:
        x = torch.cat([x, x[:, :, -1:]], dim=2)
    if x.shape[3] % 2:
        x = torch.cat([x, x[..., -1:]], dim=3)
    return (x[:, :, ::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, ::2] + x[:, :, 1::2, 1::2]) / 4
