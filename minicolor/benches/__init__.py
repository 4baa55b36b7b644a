"""Timings, as ratios within one run: `python -m minicolor.bench train` and `python -m minicolor.bench data`."""
