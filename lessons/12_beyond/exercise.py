"""Exercise 12. When to stop training.                              20 minutes; then: python lessons/grade.py 12"""


def early_stopping(figures: list[float], patience: int, higher: bool = False) -> tuple[int, int]:
    """How long a training runs that stops by itself, and which epoch it keeps: (epochs run, best epoch).

    figures: the validation figure after epoch 1, 2, 3 ... as they would come if nobody stopped; at least one. higher: whether
    more of it is better. Epochs are counted from 1.

    The best epoch is the first that has the best figure so far: an equal figure later on is no better. The training stops as soon
    as `patience` epochs in a row have gone by without a better one than the best so far. patience 0: it never stops early. A
    figure that is not a number (nan) is never better than another figure; any number is better than nan.

    Example: figures 5, 4, 4.5, 4.2, 3: with patience 2 it stops after 4 epochs and keeps epoch 2, and never sees the 3. With
    patience 3 it runs all 5 epochs and keeps the last.
    """
    raise NotImplementedError
