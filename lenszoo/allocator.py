"""Memory that a training step frees stays with the process, for the next step."""

import ctypes
import os
import sys

# options of glibc's mallopt(3), and their values
_KEPT = {
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: free memory [bytes] that is given back to the kernel
    -2: 64 * 2**20,  # M_TOP_PAD: memory asked of the kernel at a time
    -3: 32 * 2**20,  # M_MMAP_THRESHOLD: blocks that are mapped one by one; glibc allows no more
}


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed, up to 2 GiB, in place of giving it back to Linux.

    A training step on a CPU allocates and frees some hundred MiB. Where glibc gives them back at
    the end of each step, Linux clears every page anew in the next (``benchmarks/allocator.py``).

    Settings of the user have precedence: variables ``MALLOC_...`` and ``GLIBC_TUNABLES``, or an
    allocator that takes the place of glibc's.

    Returns:
        Whether glibc took the settings; False where the user has some, or the C library is another.
    """
    set_by_user = any(x.startswith("MALLOC_") and x.endswith("_") for x in os.environ)
    if sys.platform != "linux" or set_by_user or "GLIBC_TUNABLES" in os.environ:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    taken = [mallopt(option, value) == 1 for option, value in _KEPT.items()]
    return all(taken)
