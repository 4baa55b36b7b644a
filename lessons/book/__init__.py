"""The book: scripts become notebooks, notebooks and results become pages. `python -m lessons.build` makes it."""
