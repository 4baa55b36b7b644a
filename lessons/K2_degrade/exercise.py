"""Exercise K2. Blur, and noise without a state.                  40 minutes; then: python lessons/grade.py K2"""


def mix(tl, counter, seed):
    """Given: uint32 counters and a number -> noise in [-1, 1), float32. Different counters look as if they were drawn by lot."""
    h = counter.to(tl.uint32) ^ (seed.to(tl.uint32) * 0x9E3779B9)
    h = (h ^ (h >> 16)) * 0x85EBCA6B                       # the last step of MurmurHash3: each bit in changes every bit out
    h = (h ^ (h >> 13)) * 0xC2B2AE35
    return ((h ^ (h >> 16)) >> 8).to(tl.float32) / 8388608 - 1


def kernel(tl, x_ptr, y_ptr, W, amount, seed, BLOCK):
    """Blur a grey picture along its rows and add noise, for BLOCK pixels of one row. As under @triton.jit, with tl handed in.

    x_ptr, y_ptr   pictures of H rows with W float32 values each, row after row; x is read, y is written
    program        tl.program_id(0) is the row, tl.program_id(1) the block of BLOCK columns in it. Just enough blocks for a
                   row: the last one of each may hang over its end
    amount, seed   of the noise

    1. Blur: each pixel becomes (left + 2 * itself + right) / 4. Beyond both ends of a row the edge pixel goes on: the first
       pixel's left neighbor is itself. Neighbors may belong to another program's block, never to another row.
    2. Noise: add amount * mix(tl, counter, seed). The counter is the pixel's number in the whole picture: 0 is the first pixel
       of the first row, W the first of the second.

    At most three loads and one store for each pixel, and nothing outside of the two arrays.
    Example: the row 0, 4, 8 becomes 1, 4, 7 with amount 0.
    """
    raise NotImplementedError
