"""Exercise 00. Small color, large photograph.                  15 minutes; then: python lessons/grade.py 00"""

import torch


def at_full_size(lightness: torch.Tensor, ab: torch.Tensor) -> torch.Tensor:
    """Join the color of a small answer to the lightness of a large photograph.

    lightness: (H, W) float, L* from 0 to 100.
    ab: (2, h, w) float, a and b in Lab units, guessed on a small copy of the photograph; h and w may be any sizes, and H is not
        always a multiple of h, nor W of w.
    Returns (3, H, W): L, a, b. L is the photograph's own, untouched. a and b are enlarged by bilinear interpolation, where the
    picture is an area, and pixel i of n covers the part from i/n to (i+1)/n of it: its center is at (i + 0.5)/n. (PyTorch has
    a function that enlarges; one of its options decides between this and another idea of where pixels are.)

    Example: lightness of 2x4 pixels and ab of 1x2 pixels, a = [[0, 8]]: the large a has the rows [0, 2, 6, 8].
    """
    raise NotImplementedError
