"""One optimization step per file, written out: what a training loop does between two batches."""
