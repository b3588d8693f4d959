"""How much memory a test's own process has needed."""

from __future__ import annotations

from pathlib import Path

__all__ = ["peak"]


def peak() -> int:
    """KiB that this process ever held at once. Not `ru_maxrss`: that begins with what the process which started this one held."""
    status = Path("/proc/self/status").read_text(encoding="ascii").split()
    return int(status[status.index("VmHWM:") + 1])
