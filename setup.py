"""Packaging: minicolor/ as it stands, and kernels/ under the name minicolor.kernels."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(r'__version__ = "(.+)"', (here / "minicolor" / "__init__.py").read_text(encoding="utf-8"))[1]

TRITON = "triton>=3.6; platform_system == 'Linux'"   # PyTorch's GPU builds bring it along; it exists for Linux alone
# the page of minicolor.judge: both kept by the same people for years, seven small pure packages together, and unlike the server
# that comes with Flask this one is meant for more than trying out
WEB = ["starlette>=0.40", "uvicorn>=0.30"]
# Others' metrics. image-similarity-measures, which report B's table came from, is missing: it pins NumPy below 2
METRICS = ["scikit-image>=0.22", "scipy", "piq", "sewar", "torchmetrics", "colour-science", "pytorch-fid"]
# `python -m lessons.build` makes notebooks of scripts, runs them, and makes pages; hypothesis draws what exercises are graded on
LESSONS = ["jupytext>=1.16", "nbclient>=0.10", "nbformat>=5.9", "ipykernel>=6.29", "ipython>=8.18", "sphinx>=7.4", "myst-nb>=1.2",
           "furo>=2024.8.6", "hypothesis>=6.80"]  # fmt: skip

setup(
    name="minicolor",
    version=version,
    description="Color and restore pictures with small, readable PyTorch networks and Triton kernels",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=[*find_packages(include=["minicolor", "minicolor.*"]), "minicolor.kernels"],
    package_dir={"minicolor.kernels": "kernels"},  # the bare name "kernels" is somebody else's on the Python index
    package_data={"minicolor.kernels": ["*.cu"]},  # the CUDA C++ that is compiled on first use
    install_requires=["torch>=2.11", "numpy>=1.24", "pillow>=10.3", "matplotlib>=3.7", "tqdm>=4.64"],
    extras_require={
        "test": ["pytest>=8.2", "hypothesis>=6.80", "playwright>=1.40", "build", "ruff", TRITON, *WEB,
                 "opencv-python-headless", "torchvision", "lpips", "krippendorff", *METRICS,   # others' answers, to compare with
                 *LESSONS],
        "triton": [TRITON],
        "bench": ["kornia", "opencv-python-headless", *METRICS],   # what the benches compare with, where it is there
        "lessons": LESSONS,
        "web": WEB,
        "tensorboard": ["tensorboard>=2.12"],
    },
)
