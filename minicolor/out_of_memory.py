"""When a batch does not fit: how large may it be?"""

import gc
import os
import traceback

import torch
from torch import Tensor

from minicolor import errors

FITS, DOES_NOT, WRONG = 0, 1, 3                                      # how the copy of a process ends that tries


def ran_out(error: Exception) -> bool:
    """Whether it says that there is no memory left, on a GPU or in the machine.

    "could not create a primitive" is what PyTorch's convolutions say on a CPU where there is no room for their machine code.
    """
    return errors.out_of_memory(error) or any(words in str(error) for words in (
        "Cannot allocate memory", "could not create a primitive", "std::bad_alloc"))


def largest_batch(step, pair: tuple[Tensor, Tensor]) -> int:
    """How many of these pictures the step can be updated with, by trying: halving what fails. 0: not even one.

    It trains as it tries, so the step is of no use afterwards; what is on disk is. Of several processes (inside
    parallel.alone()) each finds its own number.
    """
    step.live, step.share = dict(step.networks), 1.0                 # nobody to exchange gradients with
    for optimizer in step.optimizers.values():
        optimizer.zero_grad(set_to_none=True)
    gc.collect()
    fits, fails = 0, len(pair[0])
    while fails - fits > 1:
        n = (fits + fails) // 2
        if _works(step, [t[:n].clone() for t in pair]):
            fits = n
        else:
            fails = n
    return fits


def _works(step, pair: list[Tensor]) -> bool:
    if pair[0].is_cuda or not hasattr(os, "fork"):
        return _fits(step, pair)
    child = os.fork()                                                # on a CPU what does not fit may end the process
    if child == 0:
        end = WRONG
        try:
            torch.set_num_threads(1)                                 # the other threads are not in the copy
            end = FITS if _fits(step, pair) else DOES_NOT
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(end)
    _, end = os.waitpid(child, 0)
    if os.WIFEXITED(end) and os.WEXITSTATUS(end) == WRONG:
        raise RuntimeError(f"an update with {len(pair[0])} pictures failed, and not for want of memory: see above")
    return end == FITS                                               # else it said so, or the system ended it


def _fits(step, pair: list[Tensor]) -> bool:
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
    except (MemoryError, RuntimeError) as e:
        if not ran_out(e):
            raise
        return False
