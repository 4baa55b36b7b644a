"""Exercise 01. From sRGB to Lab.                               30 minutes; then: python lessons/grade.py 01"""

import torch


def rgb_to_lab(rgb: torch.Tensor) -> torch.Tensor:
    """Pictures (N, 3, H, W), sRGB with values in [0, 1] -> (N, 3, H, W): L, a, b of each pixel.

    1. Undo the curve that the file's values v were stored with:
           v / 12.92 up to v = 0.04045, and ((v + 0.055) / 1.055) to the power 2.4 above.
    2. Mix the light of red, green and blue into X, Y, Z:
           X = 0.412453 R + 0.357580 G + 0.180423 B
           Y = 0.212671 R + 0.715160 G + 0.072169 B
           Z = 0.019334 R + 0.119193 G + 0.950227 B
    3. Divide each of the three by what white (R = G = B = 1) has of it.
    4. f(t) is the cube root of t above (6/29)^3, and t / (3 (6/29)^2) + 4/29 up to there.
    5. L = 116 f(Y) - 16,   a = 500 (f(X) - f(Y)),   b = 200 (f(Y) - f(Z)).

    L lies in 0 .. 100. Example: red, (1, 0, 0), has about L = 53.2, a = 80.1, b = 67.2.
    """
    raise NotImplementedError
