"""Bytes on disk that survive a crash: temporary name, fsync, rename, fsync of the folder; and the operating system's lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tickcast.errors import StoreError

__all__ = ["exclusive", "place", "sync_folder"]


def place(contents: Mapping[Path, bytes], scratch: Path) -> None:
    """Write each file so that it is whole under its name or absent, whatever happens; on return all are on disk.

    `scratch` is a folder of the same file system for temporary names. Raises StoreError on any I/O error, a full disk included.
    """
    folders = {path.parent for path in contents}
    current: Path = scratch
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            current, temporary = path, scratch / path.name
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            temporary.replace(path)
        for folder in folders | {folder.parent for folder in folders}:
            current = folder
            sync_folder(folder)
    except OSError as error:
        raise StoreError(
            f"cannot be written: {error.strerror or error}", file=current, hint="free space or mend the disk, then write again"
        ) from error


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold the operating system's lock on `lock`; it falls with the process, however that ends."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
