"""Every file of a bundle against its SHA-256, before anything but the manifest is parsed."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tickcast.errors import BundleError

__all__ = ["SCHEMA", "bundle_hash", "verify"]

SCHEMA = 1
_PLAIN = re.compile(r"(?!manifest\.)[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_OWN = ("manifest.json", "manifest.sha256")
_LARGEST, _LARGEST_MANIFEST = 1 << 31, 1 << 22
_AGAIN = "copy the bundle again or write it anew"


def verify(folder: Path) -> Mapping[str, Any]:
    """The manifest of a bundle whose files are all present, unchanged and alone.

    Raises BundleError naming the file that is missing, altered, too large, a link, or not listed.
    """
    raw = _read(folder, "manifest.json", _LARGEST_MANIFEST)
    if _read(folder, "manifest.sha256", 128) != (hashlib.sha256(raw).hexdigest() + "\n").encode():
        raise BundleError("its SHA-256 is not the one in manifest.sha256", file=folder / "manifest.json", hint=_AGAIN)
    try:
        manifest = json.loads(raw)
        files = {name: (entry["sha256"], int(entry["bytes"])) for name, entry in manifest["files"].items()}
        schema = manifest["schema"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BundleError(f"is no manifest: {error}", file=folder / "manifest.json", hint=_AGAIN) from None
    if schema != SCHEMA:
        raise BundleError(
            f"schema {schema!r} is not {SCHEMA}", file=folder / "manifest.json", hint="write it with this version of tickcast"
        )
    for name in files:
        if not _PLAIN.fullmatch(name):
            raise BundleError(f"lists {name!r}, which no file of a bundle may be called", file=folder / "manifest.json", hint=_AGAIN)
    for found in sorted(path.name for path in folder.iterdir()):
        if found not in files and found not in _OWN:
            raise BundleError("the manifest does not list this file", file=folder / found, hint="remove it from the bundle's folder")
    for name, (digest, size) in files.items():
        if hashlib.sha256(_read(folder, name, _LARGEST, size)).hexdigest() != digest:
            raise BundleError("its SHA-256 is not the manifest's", file=folder / name, hint=_AGAIN)
    verified: Mapping[str, Any] = manifest
    return verified


def bundle_hash(folder: Path) -> str:
    """SHA-256 of manifest.json, which is canonical JSON: the bundle's identity."""
    return hashlib.sha256(_read(folder, "manifest.json", _LARGEST_MANIFEST)).hexdigest()


def _read(folder: Path, name: str, limit: int, size: int | None = None) -> bytes:
    path = folder / name
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            raise BundleError("is no regular file", file=path, hint="a bundle holds regular files only")
        if facts.st_size > limit or (size is not None and size != facts.st_size):
            raise BundleError(f"has {facts.st_size} bytes where {limit if size is None else size} belong", file=path, hint=_AGAIN)
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror}", file=path, hint="check that the folder is a complete bundle") from None
