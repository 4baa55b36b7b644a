"""What `python -m minicolor.bench` runs, one bench per file: the kernels, the training step, packing, memory."""
