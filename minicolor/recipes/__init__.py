"""One experiment per file: its numbers with their source, then build(). `python -m minicolor.train --list` lists them."""
