"""What the kernel says of a process and its children: processor time and memory."""

import os
import re
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process, its children, theirs, and so on."""
    listing = "".join(
        path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/children")
    )
    return [pid, *(one for child in listing.split() for one in tree(int(child)))]


def cpu_seconds(pid: int) -> float:
    """User and system time so far of the whole tree."""
    return sum(_cpu_seconds(one) for one in tree(pid))


def _cpu_seconds(pid: int) -> float:
    # The name, which may hold anything, is in parentheses in front of the rest.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_bytes(pid: int) -> int:
    """The most resident memory since its start."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found, f"process {pid} has ended"
    return int(found[1]) * 1024


def resident_bytes(pid: int) -> int:
    """The memory that it has now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0  # it is ending
