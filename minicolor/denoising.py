"""python -m minicolor.denoising RUN FOLDER --sigma 25: the PSNR of a trained denoiser on a folder, as papers measure it.

Protocol: noise of seed 0 for each picture, not clipped; the answer is rounded to 8 bits and clipped; PSNR with peak 255 over each
whole picture, then the mean over the pictures (Zhang et al. 2017, arXiv:1608.03981, IV.B).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from minicolor import report
from minicolor.data.photos import is_photo, read
from minicolor.denoiser import Denoiser
from minicolor.errors import BadInput, Parser, one_line
from minicolor.ops.degrade import LUMA
from minicolor.ops.noise import gaussian_noise
from minicolor.precision import choose_device


def grey_picture(path: Path) -> Tensor:
    """(1, 1, H, W) in [0, 1]: a grey file's own bytes; of a color file its luma, rounded to 8 bits."""
    rgb = read(path).rgb.astype(np.int64)
    grey = (rgb @ np.array(LUMA) + 500) // 1000
    return torch.from_numpy(grey)[None, None].float() / 255


def measure(denoise, folder: str | Path, sigma: float) -> list[dict]:
    """sigma: on 0..255. For each picture of the folder its name, and the PSNR in dB of the noisy one and of denoise(noisy)."""
    files = sorted(p for p in Path(folder).iterdir() if is_photo(p.name)) if Path(folder).is_dir() else []
    if not files:
        raise BadInput(f"{folder}: no pictures; expected a folder of them, such as BSD68")
    rows = []
    for path in files:
        clean = grey_picture(path)
        noisy = clean + sigma / 255 * gaussian_noise(1, *clean.shape[2:], seed=0)
        rows.append({"name": path.name, "noisy": _psnr(noisy, clean), "denoised": _psnr(eight_bits(denoise(noisy)), clean)})
    return rows


def eight_bits(x: Tensor) -> Tensor:
    return (x.clamp(0, 1) * 255).round() / 255


def _psnr(a: Tensor, b: Tensor) -> float:
    return -10 * torch.log10((a.double() - b.double()).square().mean()).item()


def main(argv: list[str] | None = None) -> None:
    with one_line():
        parser = Parser(prog="python -m minicolor.denoising", description=__doc__,
                        formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("run", help="the folder of a run of dncnn, or of another denoiser")
        parser.add_argument("folder", help="pictures without noise")
        parser.add_argument("--sigma", type=float, metavar="S", help="of the noise, on 0..255 [what the run learned]")
        parser.add_argument("--device", metavar="cpu|cuda", help="[cuda where there is one]")
        parser.add_argument("--json", metavar="FILE", help="write each picture's figures there")
        args = parser.parse_args(sys.argv[1:] if argv is None else argv)
        denoise = Denoiser(args.run, choose_device(args.device))
        learned = 255 * denoise.recipe.sigma
        sigma = learned if args.sigma is None else args.sigma
        if not 0 < sigma <= 255:
            raise BadInput(f"--sigma {sigma:g}: expected above 0 and at most 255")
        if abs(sigma - learned) > 0.5:
            print(f"this run learned noise of sigma {learned:.3g}, and is measured at {sigma:g}")
        rows = measure(denoise, args.folder, sigma)
        noisy, denoised = (float(np.mean([row[k] for row in rows])) for k in ("noisy", "denoised"))
        print(f"{len(rows)} pictures, sigma {sigma:.4g}: noisy {noisy:.2f} dB, denoised {denoised:.2f} dB, "
              f"gain {denoised - noisy:.2f} dB")
        if args.json:
            report.write_json(Path(args.json), {"sigma": sigma, "n": len(rows), "noisy": noisy, "denoised": denoised,
                                                "run": str(args.run), "pictures": rows})


if __name__ == "__main__":
    main()
