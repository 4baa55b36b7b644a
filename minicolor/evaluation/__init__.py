"""Runs, measured: their answers to held-out pictures, every metric of every answer, means with intervals, tables, a page."""
