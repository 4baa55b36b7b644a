"""Packaging: minicolor/ as it stands, and kernels/ under the name minicolor.kernels."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(r'__version__ = "(.+)"', (here / "minicolor" / "__init__.py").read_text(encoding="utf-8"))[1]

TRITON = "triton>=3.6; platform_system == 'Linux'"   # PyTorch's GPU builds bring it along; it exists for Linux alone

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
        "test": ["pytest>=7.4", "hypothesis>=6.80", "scikit-image>=0.22", "playwright>=1.40", "build", "ruff", TRITON,
                 "opencv-python-headless", "torchvision", "lpips", "pytorch-fid"],    # other people's answers, to compare with
        "triton": [TRITON],
        "bench": ["kornia", "opencv-python-headless", "scikit-image>=0.22"],   # what the benches compare with, where it is there
        "tensorboard": ["tensorboard>=2.12"],
    },
)
