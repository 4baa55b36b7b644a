"""Whole folders of photographs: what is to be done, what has been done, and the page to look at it."""
