"""Phase congruency, where the waves of a picture agree: Kovesi, "Image Features from Phase Congruency", Videre 1(3), 1999,
with the numbers of FSIM's authors (Zhang et al., IEEE TIP 20(8), 2011, section II.A and their code).

    response_os = ifft(fft(grey) * filter_os)        4 orientations o, 4 scales s; real part even, imaginary part odd
    R_o = sum_s response_os                          long where the waves of all scales are at the same phase
    energy_o = |R_o| - sum_s |part of response_os across R_o| - T_o,  at least 0
    PC = sum_o energy_o / sum_os |response_os|       in [0, 1]; edges and lines near 1 whatever their contrast

filter_os: log-Gabor, exp(-ln(f w_s)^2 / (2 ln(0.55)^2)) for wavelengths w = 6, 12, 24, 48, times a Gaussian about the
orientation o * 45 degrees, of sigma 45 / 1.2 degrees. T_o: what noise alone would give, its mean and 2 deviations, over 1.7;
the noise is measured by the median response of the smallest scale. The picture goes on periodically beyond its edges.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

WAVELENGTHS = (6, 12, 24, 48)                   # pixels
ORIENTATIONS = 4
_BAND = math.log(0.55)                          # width of a filter on the logarithmic scale
_SPREAD = math.pi / ORIENTATIONS / 1.2
_NOISE = (math.sqrt(math.pi / 2) + 2 * math.sqrt(2 - math.pi / 2)) / 1.7 / math.sqrt(math.log(2))
_NOTHING = 1e-6                                 # on 0..255: without any wave, PC is 0 and not rounding over rounding


def phase_congruency(grey: Tensor) -> Tensor:
    """(N, H, W) on 0..255, float32 or float64 -> (N, H, W) in [0, 1], 0 for a flat picture."""
    some = 1 if grey.device.type == "cpu" else len(grey)        # a picture's 4 responses just fit a CPU's cache
    return torch.cat([_pictures(x) for x in grey.split(some)])


def _pictures(grey: Tensor) -> Tensor:
    bank, ratio = _bank(*grey.shape[1:], grey.dtype, grey.device)
    spectrum = torch.fft.fft2(grey - grey.mean(dim=(1, 2), keepdim=True))[:, None]
    energy, length = 0, _NOTHING
    for filters, noise in zip(bank, ratio):     # one orientation at a time: a quarter of the memory
        response = torch.fft.ifft2(spectrum * filters)                                        # (N, 4, H, W), complex
        total = response.sum(dim=1, keepdim=True)
        norm = _size(total)
        across = (response * (total / (norm + _NOTHING)).conj()).imag.abs().sum(dim=1)
        amplitude = _size(response)
        threshold = _NOISE * noise * amplitude[:, 0].flatten(1).median(dim=1).values
        energy = energy + (norm[:, 0] - across - threshold[:, None, None]).clamp_(min=0)
        length = length + amplitude.sum(dim=1)
    return energy / length


def _size(z: Tensor) -> Tensor:
    """|z|, much faster on a CPU than z.abs(), which guards against squares above 1e38."""
    squares = torch.view_as_real(z).square()
    return (squares[..., 0] + squares[..., 1]).sqrt()


@lru_cache(maxsize=2)
def _bank(h: int, w: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, list[float]]:
    """Filters (4 orientations, 4 scales, H, W), and how much of the smallest scale's noise the sum of all scales has."""
    with torch.inference_mode(False), torch.no_grad():      # kept for later calls, which may be outside inference mode
        y, x = torch.meshgrid(_frequencies(h), _frequencies(w), indexing="ij")
        radius, angle = torch.hypot(x, y), torch.atan2(-y, x)
        radius[0, 0] = 1                                    # any number: the mean of the picture is left out below
        low_pass = 1 / (1 + (radius / 0.45) ** 30)          # the corners of the spectrum would favor diagonals
        radial = torch.stack([torch.exp(-(radius * v).log().square() / (2 * _BAND**2)) * low_pass for v in WAVELENGTHS])
        radial[:, 0, 0] = 0
        turns = torch.stack([angle - o * math.pi / ORIENTATIONS for o in range(ORIENTATIONS)])
        turns = (turns + math.pi) % (2 * math.pi) - math.pi
        bank = torch.exp(-turns.square() / (2 * _SPREAD**2))[:, None] * radial
        # Noise after a filter has the power of the filter's squares, summed. The authors measure it with the whole filter of
        # the smallest scale, and expect it of the even half, (F(k) + F(-k)) / 2, of all scales together.
        even = bank.sum(dim=1)
        even = (even + torch.roll(even.flip(1, 2), (1, 1), (1, 2))) / 2
        ratio = (even.square().sum(dim=(1, 2)) / bank[:, 0].square().sum(dim=(1, 2))).sqrt()
        return bank.to(device=device, dtype=dtype), ratio.tolist()


def _frequencies(n: int) -> Tensor:
    """Cycles per pixel in the order of the FFT; for odd n stretched so that the ends are at 0.5, as the authors have it."""
    return torch.fft.ifftshift((torch.arange(n, dtype=torch.float64) - n // 2) / max(n - n % 2, 1))
