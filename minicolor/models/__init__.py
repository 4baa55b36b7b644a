"""One network per file. No device, no loading, no training, no printing: those belong to the callers."""
