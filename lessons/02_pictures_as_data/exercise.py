"""Exercise 02. A split that copies cannot cheat.                30 minutes; then: python lessons/grade.py 02"""


def split(files: list[bytes], seed: int = 0) -> dict[str, list[int]]:
    """Share picture files out to training, validation and test: {"train": [...], "val": [...], "test": [...]}.

    files: what each file holds. The lists hold places in `files`, in rising order; each place is in exactly one list.
    seed: a whole number; another seed gives another split, the same one always the same split.

    A file's part is decided by its own bytes and the seed, and by nothing else:
      - two files with the same bytes are in the same part;
      - a file stays in its part when the list is in another order, and when files are added;
      - the same file has the same part tomorrow, on another computer.
    Of many different files about 80 % are for training, 10 % for validation, 10 % for the test.

    The way to do it: make a number from the bytes and the seed that looks random and is not, with a hash function of the standard
    library (hashlib), and compare it with the shares. Example: split([b"cat", b"dog", b"cat"]) has 0 and 2 in one list.
    Small lists may leave a part empty.
    """
    raise NotImplementedError
