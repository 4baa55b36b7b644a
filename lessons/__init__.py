"""The lessons, in order; grade.py grades their exercises. A package, so that nobody else's `lessons` is imported instead."""
