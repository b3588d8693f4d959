"""Bytes on disk that survive a crash: temporary name, fsync, rename, fsync of the folder; and the operating system's lock."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tickcast.errors import StoreError

__all__ = ["exclusive", "settle", "spill", "sync_folder"]

_WAITING = 16
"""Files whose fsync is waited for at the same time: the disk then commits them together."""
_POLL = 0.003
"""Seconds between two looks at a lock that another process holds."""


def spill(temporary: Path, content: bytes, path: Path) -> None:
    """Write a file that `settle` will call `path`; it need not be on disk yet. Raises StoreError, naming `path`, on any I/O error."""
    with _failures(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)


def settle(moves: Sequence[tuple[Path, Path]], tick: Callable[[], None] = lambda: None) -> None:
    """Give spilled files their names, once all of them are on disk; on return the names are on disk too. `tick` is called as it goes on.

    Raises StoreError on any I/O error.
    """
    folders = {path.parent for _, path in moves}
    for folder in folders:
        with _failures(folder):
            folder.mkdir(parents=True, exist_ok=True)
    _together(_sync, ((temporary, path) for temporary, path in moves), tick)
    for temporary, path in moves:
        with _failures(path):
            temporary.replace(path)
    _together(_sync, ((folder, folder) for folder in folders | {folder.parent for folder in folders}), tick)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(asked: tuple[Path, Path]) -> None:
    with _failures(asked[1]):
        sync_folder(asked[0])


def _together(act: Callable[[tuple[Path, Path]], None], asked: Iterable[tuple[Path, Path]], tick: Callable[[], None]) -> None:
    pairs = list(asked)
    if len(pairs) < 4:
        for pair in pairs:
            act(pair)
            tick()
        return
    with ThreadPoolExecutor(_WAITING) as pool:
        for _ in pool.map(act, pairs):
            tick()


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot be written: {error.strerror or error}", file=path, hint="free space or mend the disk, then write again"
        ) from error


@contextmanager
def exclusive(
    lock: Path,
    patience: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Callable[[], None]]:
    """Hold the operating system's lock on `lock`; it falls with the process, however that ends.

    The holder calls what it is given while it makes progress. One that has not done so for `patience` seconds (as a stopped process) is
    overtaken: others then lock another file of the same name. Whoever needs to be safe from it checks a fencing number.
    """
    descriptor = _locked(lock, patience, clock, sleep)
    held = [descriptor]

    def alive() -> None:
        for each in held:  # called after the end it must not touch a file that got the same number
            os.utime(each)

    try:
        yield alive
    finally:
        held.clear()
        os.close(descriptor)


def _locked(lock: Path, patience: float | None, clock: Callable[[], float], sleep: Callable[[float], None]) -> int:
    seen, since = None, clock()
    while True:
        with _failures(lock):
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if patience is not None else 0))
        except BlockingIOError:
            found = os.fstat(descriptor)
            os.close(descriptor)
            if (found.st_ino, found.st_mtime_ns) != seen:
                seen, since = (found.st_ino, found.st_mtime_ns), clock()
            elif patience is not None and clock() - since > patience:
                _take_over(lock, found.st_ino)
            sleep(_POLL)
            continue
        if _inode(lock) == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)  # it was overtaken while we waited: the lock is another file now


def _take_over(lock: Path, inode: int) -> None:
    """Put another file in the place of a lock whose holder is stuck; one of several that wait does it."""
    with exclusive(lock.with_name(f"{lock.name}.takeover")):
        if _inode(lock) == inode:
            fresh = lock.with_name(f"{lock.name}.fresh")
            fresh.unlink(missing_ok=True)
            fresh.touch()
            fresh.replace(lock)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
