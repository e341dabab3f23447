"""keep_freed_buffers in a process of its own, since it cannot be undone."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from model.allocator import keep_freed_buffers
if "keep" in sys.argv:
    assert keep_freed_buffers()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(16_000_000).fill_(1.0)  # beyond the 32 MiB that glibc learns to keep by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_repeated_large_buffers_cause_no_page_faults():
    counted = {}
    for mode in ("default", "keep"):
        ended = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True)
        counted[mode] = int(ended.stdout)
    assert counted["default"] > 10_000
    assert counted["keep"] < counted["default"] / 10
