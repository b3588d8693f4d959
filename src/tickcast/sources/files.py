"""Files of a source: which ones are meant, and their bytes, decompressed with every truncation noticed."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import zstandard

from tickcast.errors import SourceError

__all__ = ["Paths", "list_files", "read_bytes"]

Paths = str | Path | Sequence[str | Path]
_ARCHIVES = (".zip", ".whl")


def list_files(paths: Paths, pattern: str) -> tuple[Path, ...]:
    """The files meant by a path, a folder (its files matching `pattern`), a glob or a list of these; sorted inside each folder or glob.

    A path inside an archive is written `file.whl!member`. Raises SourceError where nothing is found.
    """
    if not isinstance(paths, str | Path):
        return tuple(file for path in paths for file in list_files(path, pattern))
    path = Path(paths)
    if "!" in path.name or "!" in str(path):
        return (path,)
    if path.is_file():
        return (path,)
    found = sorted(path.glob(pattern)) if path.is_dir() else sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
    found = [file for file in found if file.is_file()]
    if not found:
        raise SourceError("no such file", file=path, hint=f"name a file, a folder holding {pattern} or a glob that matches")
    return tuple(found)


def read_bytes(path: Path, member: str | None = None) -> bytes:
    """The file's bytes; .xz, .gz, .zst, .zip and .whl are decompressed. SourceError where the file is absent, truncated or altered."""
    outer, _, inner = str(path).partition("!")
    member = member or inner or None
    try:
        if Path(outer).suffix in _ARCHIVES:
            return _read_member(Path(outer), member)
        content = Path(outer).read_bytes()
        suffix = Path(outer).suffix
        if suffix == ".xz":
            return lzma.decompress(content)
        if suffix == ".gz":
            return gzip.decompress(content)
        return _decompress_zstd(content, Path(outer)) if suffix == ".zst" else content
    except (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(f"cannot be read: {reason}", file=outer, hint="fetch the file again, it is absent or damaged") from error


def _read_member(archive: Path, member: str | None) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if not name.endswith("/")]
        if member is None and len(names) == 1:
            member = names[0]
        if member not in names:
            raise SourceError(f"holds no member {member!r}", file=archive, hint=f"name one of {', '.join(names[:5])}")
        try:
            return opened.read(member)
        except RuntimeError as error:  # encrypted, or packed by a method that zipfile does not know
            raise SourceError(f"member {member} cannot be read: {error}", file=archive, hint="fetch the file again") from error


def _decompress_zstd(content: bytes, path: Path) -> bytes:
    """All frames one after another; a frame that does not reach its end is a truncated file."""
    parts, rest = [], content
    while rest:
        decoder = zstandard.ZstdDecompressor().decompressobj()
        parts.append(decoder.decompress(rest))
        if not decoder.eof:
            raise SourceError(f"zstd frame ends early after {len(content)} bytes", file=path, hint="fetch the file again, it is truncated")
        rest = decoder.unused_data
    return b"".join(parts)
