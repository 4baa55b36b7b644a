"""Exercise 04. Keras' padding "same".                         20 minutes; then: python lessons/grade.py 04"""


def same_padding(n: int, kernel: int, stride: int) -> tuple[int, int]:
    """How many zeros Keras puts before and after an axis of n values: (before, after).

    A window of `kernel` values moves in steps of `stride`. With "same" padding the output has n / stride values, rounded up,
    whatever the kernel. There are as few zeros as that needs, never a negative number; they are shared out evenly, and when their
    number is odd, the odd one comes after.

    Example: 5 values, kernel 3, stride 1: (1, 1), five windows. All arguments are whole numbers, at least 1.
    """
    raise NotImplementedError
