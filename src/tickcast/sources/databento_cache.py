"""Files of DBN that were asked for once and are kept: whole, as Databento's own tools read them, and beside each its SHA-256.

    <cache>/GLBX.MDP3/ohlcv-1m/parent-MGC.FUT/2021-01-01_2021-02-01.dbn.zst
    <cache>/GLBX.MDP3/ohlcv-1m/parent-MGC.FUT/2021-01-01_2021-02-01.dbn.zst.sha256     as `sha256sum -c` reads it

A file is written under a temporary name, looked through while it arrives, synced, and renamed once its checksum is on disk: what has its
name is complete. Whoever downloads into a folder holds its lock, which the operating system gives back when the holder dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tickcast.durable import sync_folder
from tickcast.errors import ProviderUnavailable, SourceError
from tickcast.sources.databento_gateway import Gateway
from tickcast.sources.databento_request import Piece, Request
from tickcast.sources.databento_stream import Arrival, Seen

__all__ = ["Cache"]

_SUFFIX = ".dbn.zst"
_SPARE = 1000
"""Records that may come beyond those the provider counted, before the stream is broken off."""


class Cache:
    """The kept files of one request.

    Parameters
    ----------
    folder: of all caches; this request's own folder lies below it.
    request: what the files answer.
    """

    def __init__(self, folder: Path, request: Request) -> None:
        self.request, self.folder = request, folder / request.folder

    def path(self, piece: Piece) -> Path:
        """Where the piece lies, or would."""
        return self.folder / f"{piece.name}{_SUFFIX}"

    def names(self) -> frozenset[str]:
        """Names of the pieces that are there."""
        return frozenset(path.name.removesuffix(_SUFFIX) for path in self.folder.glob(f"*{_SUFFIX}"))

    def sound(self, piece: Piece) -> bool:
        """Whether the piece is there and its bytes are those that were written."""
        path = self.path(piece)
        try:
            told = _beside(path).read_text(encoding="ascii").split()
            with path.open("rb") as stream:
                return told[:1] == [hashlib.file_digest(stream, "sha256").hexdigest()]
        except (OSError, UnicodeDecodeError):
            return False

    def seen(self, piece: Piece) -> Seen:
        """Records and bytes of a piece that is kept. Raises as `Arrival` does where its bytes have changed."""
        arrival = Arrival(self.request.dataset, self.request.schema, piece.start, piece.end, 1 << 62)
        with self.path(piece).open("rb") as stream:
            while content := stream.read(1 << 16):
                arrival.take(content)
        return arrival.end()

    def fetch(self, piece: Piece, gateway: Gateway, *, again: bool = False) -> Path:
        """The piece, downloaded unless it is there and sound; `again` downloads it all the same.

        Raises ProviderRefused and ProviderUnavailable as the gateway does, ProviderUnavailable too where the records are not as many as the
        provider counts, and SourceError where the disk refuses them.
        """
        path = self.path(piece)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._alone():
                if again or not self.sound(piece):
                    words = self.request.words(piece.start, piece.end)
                    counted = int(gateway.ask("metadata.get_record_count", {k: v for k, v in words.items() if k != "stype_out"}))
                    form = words | {"encoding": "dbn", "compression": "zstd"}
                    gateway.stream(form, lambda blocks: self._keep(piece, path, blocks, counted))
        except OSError as error:
            raise SourceError(
                f"cannot be written: {error.strerror or error}", file=path, hint="make room, then go on where it stopped"
            ) from None
        return path

    def _keep(self, piece: Piece, path: Path, blocks: Iterator[bytes], counted: int) -> None:
        arrival = Arrival(self.request.dataset, self.request.schema, piece.start, piece.end, counted + _SPARE)
        digest, part = hashlib.sha256(), path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as out:
                for content in blocks:
                    arrival.take(content)
                    digest.update(content)
                    out.write(content)
                seen = arrival.end()
                if counted != seen.inside and (counted != seen.records or seen.records - seen.inside > 2 + seen.records // 100):
                    told = f"{seen.records} records came, {seen.inside} of them inside, the provider counts {counted}"
                    raise ProviderUnavailable(told, file=path.name)
                out.flush()
                os.fsync(out.fileno())
            _write(_beside(path), f"{digest.hexdigest()}  {path.name}\n")
            part.replace(path)
            sync_folder(self.folder)
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds the folder's lock; what a holder who died left half-written is removed."""
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for left in self.folder.glob(".*.part"):
                left.unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="ascii") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
