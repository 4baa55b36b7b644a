"""When a batch does not fit: how large may it be?"""

import gc

import torch
from torch import Tensor


def ran_out(error: RuntimeError) -> bool:
    """Whether it says that there is no memory left, on a GPU or in the machine."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error) or "Cannot allocate memory" in str(error)


def largest_batch(step, pair: tuple[Tensor, Tensor]) -> int:
    """How many of these pictures the step can be updated with, by trying: halving what fails. 0: not even one.

    It trains as it tries, so the step is of no use afterwards; what is on disk is.
    """
    fits, fails = 0, len(pair[0])
    while fails - fits > 1:
        n = (fits + fails) // 2
        step.share = 1.0
        if _works(step, [t[:n].clone() for t in pair]):
            fits = n
        else:
            fails = n
    return fits


def _works(step, pair: list[Tensor]) -> bool:
    for optimizer in step.optimizers.values():
        optimizer.zero_grad(set_to_none=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        step.step(*pair)
        if pair[0].is_cuda:
            torch.cuda.synchronize()
        return True
    except ValueError:                                               # too few pictures for a network's statistics
        return True
    except RuntimeError as e:
        if not ran_out(e):
            raise
        return False
