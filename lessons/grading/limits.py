"""What a student's process may use: memory, processor time, files. On Windows none of it; time is the watching process's matter.

Memory is limited as address space (RLIMIT_AS). With PyTorch on the CPU that is honest once everything is imported: measured with
64, 256 and 1024 MiB, the largest torch.zeros, torch.ones, numpy.empty and Python list that still worked were all within 4 MiB of
the limit. RLIMIT_DATA gave the same figures, but does not count memory that is shared between processes.
"""

try:
    import resource
except ImportError:
    resource = None

MIB = 2**20


def limit_memory(mib: float) -> None:
    """So many MiB beyond what this process has now. Only where /proc says how much that is: Linux."""
    try:
        with open("/proc/self/statm") as f:
            now = int(f.read().split()[0]) * resource.getpagesize()
    except (OSError, AttributeError):
        return
    _at_most(resource.RLIMIT_AS, now + int(mib * MIB))


def limit_files_and_time(seconds: float) -> None:
    """No byte into any file (pipes are none), no core dump, and an end even where nobody is left to watch."""
    if resource:
        _at_most(resource.RLIMIT_FSIZE, 0)
        _at_most(resource.RLIMIT_CORE, 0)
        _at_most(resource.RLIMIT_CPU, int(seconds) + 1)


def _at_most(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))
