"""What the flags of `python -m minicolor.bench` may be: types for argparse, each refusing in one clause what cannot be."""

import argparse
from collections.abc import Callable


def whole(least: int = 1, step: int = 1) -> Callable[[str], int]:
    """-> the type of a whole number, `least` or more and a multiple of `step`."""
    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and int(text) >= least and int(text) % step == 0):
            expected = f"a multiple of {step}" if step > 1 else f"a whole number from {least}"
            raise argparse.ArgumentTypeError(f"{text!r}, expected {expected}")
        return int(text)
    return number


def several(least: int = 1) -> Callable[[str], list[int]]:
    """-> the type of whole numbers with commas between them: 1,2,4."""
    return lambda text: [whole(least)(part) for part in text.split(",")]


def positive(text: str) -> float:
    """The type of a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number above 0")
    return number
