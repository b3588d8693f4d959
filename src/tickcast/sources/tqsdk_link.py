"""The link to the process that owns TqSdk: requests out, arrays in, no thread and no event loop on this side."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tickcast.errors import ProviderRefused, ProviderUnavailable
from tickcast.sources.tqsdk_process import FIELDS

__all__ = ["Account", "Link", "Told"]

_SCRIPT = Path(__file__).with_name("tqsdk_process.py")
_LOGIN = 90.0  # seconds; TqSdk itself gives up after sixty
_CHUNK = 1 << 20
_USER, _PASSWORD = "TQSDK_USER", "TQSDK_PASSWORD"


@dataclass(frozen=True)
class Account:
    """A Shinny account; `password` shows as stars."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Account({self.user!r}, '***')"

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> Account:
        """The account in `TQSDK_USER` and `TQSDK_PASSWORD`. Raises ProviderRefused where there is none."""
        user, password = (environment.get(name, "").strip() for name in (_USER, _PASSWORD))
        if not user or not password:
            raise ProviderRefused(
                "there is no TqSdk account", hint=f"set {_USER} and {_PASSWORD} to a Shinny account with the right to download"
            )
        return cls(user, password)


@dataclass(frozen=True, eq=False)
class Told:
    """One answer: its `kind`, what its header says, and the rows of ticks (columns `FIELDS`) where it has some."""

    kind: str
    header: Mapping[str, Any]
    rows: pl.DataFrame


class Link:
    """A logged-in TqSdk in a process of its own, ended with `close`; its home is a temporary folder, so it trusts no cache of earlier runs.

    Parameters
    ----------
    account: who logs in. python: an interpreter that has `tqsdk`.
    service: addresses of the service by the names of TqSdk's variables, as TQ_MD_URL; none for the vendor's.
    monotonic: seconds that never run backwards.

    Raises ProviderRefused where TqSdk is absent or the service says no, ProviderUnavailable where it does not answer.
    """

    def __init__(
        self, account: Account, python: str, service: Mapping[str, str], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic, self._held = monotonic, bytearray()
        self._home = tempfile.TemporaryDirectory(prefix="tickcast-tqsdk-", ignore_cleanup_errors=True)
        self._errors = Path(self._home.name) / "errors.txt"
        with self._errors.open("wb") as errors:
            kept = {name: value for name, value in os.environ.items() if name not in (_USER, _PASSWORD)}
            places = {**kept, "HOME": self._home.name, "PYTHONIOENCODING": "utf-8", **service}
            self._process = subprocess.Popen(
                [python, "-I", str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=places
            )
        try:
            self.ask(user=account.user, password=account.password)
            self.answer(_LOGIN)
        except (ProviderRefused, ProviderUnavailable):
            self.close()
            raise

    def ask(self, **request: Any) -> None:
        """Send a request."""
        pipe = self._process.stdin
        if pipe is None or self._process.poll() is not None:
            raise self._ended()
        try:
            pipe.write(json.dumps(request).encode() + b"\n")
            pipe.flush()
        except OSError:
            raise self._ended() from None

    def answer(self, seconds: float) -> Told:
        """The next answer. Raises ProviderUnavailable where none comes in time."""
        told = self.listen(seconds)
        if told is None:
            raise ProviderUnavailable(f"TqSdk has not answered for {seconds:.0f} s", hint="try again later")
        return told

    def listen(self, seconds: float) -> Told | None:
        """The next answer, None where none comes in time. Raises ProviderRefused or ProviderUnavailable for one that tells a failure."""
        until = self._monotonic() + seconds
        while (told := self._parsed()) is None:
            left = until - self._monotonic()
            if left <= 0:
                return None
            self._read(left)
        if told.kind == "failed":
            raise self._failure(str(told.header["why"]), again=bool(told.header["again"]))
        return told

    def close(self) -> None:
        """End the process and remove its home."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what could not be flushed is of no use to a dead process
                    continue
        self._home.cleanup()

    def _read(self, seconds: float) -> None:
        pipe = self._process.stdout
        if pipe is None:
            raise self._ended()
        ready, _, _ = select.select([pipe.fileno()], [], [], seconds)
        if ready:
            more = os.read(pipe.fileno(), _CHUNK)
            if not more:
                raise self._ended()
            self._held += more

    def _parsed(self) -> Told | None:
        """The first whole answer among the bytes that have come."""
        end = self._held.find(b"\n")
        if end < 0:
            return None
        header = json.loads(self._held[:end])
        size = end + 1 + int(header["bytes"])
        if len(self._held) < size:
            return None
        block = bytes(self._held[end + 1 : size])
        del self._held[:size]
        return Told(str(header["kind"]), header, _columns(block, int(header["rows"])))

    def _ended(self) -> ProviderRefused | ProviderUnavailable:
        said = self._errors.read_text(encoding="utf-8", errors="replace") if self._errors.is_file() else ""
        if "No module named" in said:
            missing = said.rpartition("No module named")[2].split()[0].strip("'")
            return ProviderRefused(
                f"{missing} is not installed", hint="run pip install 'tickcast[tqsdk]', or name an interpreter that has it: python"
            )
        last = said.strip().splitlines()[-1] if said.strip() else "without a word"
        return ProviderUnavailable(f"TqSdk has ended: {last}")

    def _failure(self, why: str, *, again: bool) -> ProviderRefused | ProviderUnavailable:
        if again:
            return ProviderUnavailable(f"TqSdk: {why}", hint="try again later")
        return ProviderRefused(f"TqSdk: {why}", hint="check the account, its rights and the symbol")


def _columns(block: bytes, rows: int) -> pl.DataFrame:
    if not rows:
        return pl.DataFrame(schema={name: pl.Int64 if at < 2 else pl.Float64 for at, name in enumerate(FIELDS)})
    width = 8 * rows
    parts: Sequence[bytes] = [block[at * width : (at + 1) * width] for at in range(len(FIELDS))]
    kinds = (np.int64, np.int64, *[np.float64] * (len(FIELDS) - 2))
    return pl.DataFrame({name: np.frombuffer(part, kind) for name, part, kind in zip(FIELDS, parts, kinds, strict=True)})
