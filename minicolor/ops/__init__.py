"""Pure functions on tensors: the readable truth that the kernels are held against. Imports torch only."""
