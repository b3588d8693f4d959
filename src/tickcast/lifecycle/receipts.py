"""Receipts: what was read under which settings from files with which hashes, and what it gave.

An ingest in progress leaves a line per committed chunk in `<key>.chunks`; a finished one a receipt `<key>.json` in its place. `key` is a
hash over settings and files. So what was read is not read again, what was killed goes on, and a file that changed since is noticed.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tickcast.config import DataConfig
from tickcast.errors import SourceError
from tickcast.lifecycle.own_rows import Span, joined
from tickcast.schema import TABLES
from tickcast.sources import SOURCES
from tickcast.store.quest_address import QuestAddress

__all__ = ["Ingested", "Inputs", "Receipts", "receipts_of", "versions_named"]

_OF_SERVERS = Path("data/receipts")
_STAMPING = ("zone", "unit", "format", "interval", "bar_stamp", "start", "step", "jump", "every", "reference")
"""Options of sources that decide which rows a file gives, and when they are known."""
_LAYING = ("day", "calendar", "delay", "revisions", "header")
"""The same, of a layout."""


@dataclass(frozen=True)
class Ingested:
    """What an ingest committed.

    Parameters
    ----------
    version: content hash of the dataset afterwards.
    rows: rows read and held by a session.
    outside: rows stamped outside every session of the calendar, set aside.
    quarantined: rows per reason, set aside by the cleaning rules.
    files: SHA-256 of each input file by name.
    spans: which rows of the dataset these inputs gave.
    left_out: rows read that were not asked for, by what they are.
    """

    version: str
    rows: int
    outside: int
    quarantined: Mapping[str, int]
    files: Mapping[str, str]
    spans: tuple[Span, ...] = field(default=(), repr=False)
    left_out: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def together(cls, chunks: Sequence[Ingested], files: Mapping[str, str]) -> Ingested:
        """Chunks one after the other, as one; at least one."""
        reasons = sum((Counter(chunk.quarantined) for chunk in chunks), Counter[str]())
        left = sum((Counter(chunk.left_out) for chunk in chunks), Counter[str]())
        rows, outside = sum(chunk.rows for chunk in chunks), sum(chunk.outside for chunk in chunks)
        spans = joined(span for chunk in chunks for span in chunk.spans)
        return cls(chunks[-1].version, rows, outside, MappingProxyType(dict(reasons)), files, spans, MappingProxyType(dict(left)))


@dataclass(frozen=True)
class Inputs:
    """The files of a source as they are when an ingest begins.

    Parameters
    ----------
    files: SHA-256 by name; names are as short as tells them apart.
    names: that name by path as the source gives it.
    paths: SHA-256 by absolute path.
    stats: size and time of change (ns) by absolute path.
    """

    files: Mapping[str, str]
    names: Mapping[Path, str]
    paths: Mapping[str, str]
    stats: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, files: tuple[Path, ...], progress: Callable[[str, float], None] | None = None) -> Inputs:
        """Hash every file once. Raises SourceError naming one that cannot be read."""
        outer = {path: Path(str(path).partition("!")[0]).absolute() for path in files}  # a member is named archive!member
        digests: dict[Path, str] = {}
        stats = {str(path): _stat(path) for path in outer.values()}
        for done, path in enumerate(dict.fromkeys(outer.values())):
            if progress is not None:
                progress(f"hashing {path.name}", done / len(stats))
            digests[path] = _digest(path)
        short = {path: path.name for path in files}
        if len(set(short.values())) < len(set(files)):
            top = os.path.commonpath([path.absolute().parent for path in files])
            short = {path: str(path.absolute().relative_to(top)) for path in files}
        return cls({short[path]: digests[outer[path]] for path in files}, short, {str(path): digests[path] for path in digests}, stats)

    def unchanged(self) -> None:
        """Raises SourceError naming a file that was written to since the ingest began."""
        for path, before in self.stats.items():
            if _stat(Path(path)) != before:
                raise SourceError("changed while it was read", file=path, hint="wait until it is complete, then run the same command again")


def receipts_of(where: str | Path) -> Path:
    """The folder of a store's receipts: in the store's own; of a server store `data/receipts/NAME-HASH`, a hash of host, port and NAME.

    So who comes as another user, or keeps the password elsewhere, finds the same receipts. Raises ConfigError for no address.
    """
    if "://" not in str(where):
        return Path(where) / "receipts"
    address = QuestAddress.parse(str(where))
    place = f"{address.host}:{address.pg}/{address.name}"
    return _OF_SERVERS / f"{address.name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def versions_named(where: str | Path) -> list[str]:
    """The versions that the receipts of a store name; a damaged receipt names none."""
    out = []
    for path in sorted(receipts_of(where).glob("*.json")):
        try:
            out.append(str(json.loads(path.read_text(encoding="utf-8"))["version"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return out


class Receipts:
    """The receipts in a folder, for one set of settings and inputs."""

    def __init__(self, folder: Path, data: DataConfig, inputs: Inputs) -> None:
        self.folder, self.inputs = folder, inputs
        settings = data.model_dump(mode="json", exclude={"files"})
        self._settings = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        self._reading = _reading(data)
        key = hashlib.sha256(json.dumps([settings, dict(inputs.files)], sort_keys=True).encode()).hexdigest()
        self.path, self.chunks = folder / f"{key[:32]}.json", folder / f"{key[:32]}.chunks"

    def remembered(self) -> Ingested | None:
        """What the receipt says; a damaged one is worth no more than none, since reading again is harmless."""
        try:
            return _parsed(json.loads(self.path.read_text(encoding="utf-8")), self.inputs.files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def committed(self) -> list[Ingested]:
        """The chunks that an ingest of the same inputs committed before it ended early, without a line it did not finish."""
        out: list[Ingested] = []
        try:
            lines = self.chunks.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return out
        for number, line in enumerate(lines[:-1]):
            try:
                told = json.loads(line)
                if told["chunk"] != number:  # two processes wrote the list: what follows cannot be counted on
                    break
                out.append(_parsed(told, self.inputs.files))
            except (ValueError, KeyError, TypeError, AttributeError):
                break
        return out

    @property
    def begun(self) -> bool:
        """Whether an ingest of these inputs began before, and has not finished."""
        return self.chunks.with_suffix(".inputs").exists()

    def forget(self) -> None:
        """Take back `begin`: nothing of these inputs was committed, so other settings contradict nothing."""
        for left in (self.chunks, self.chunks.with_suffix(".inputs")):
            left.unlink(missing_ok=True)

    def begin(self, committed: list[Ingested]) -> None:
        """Start the list of chunks with these."""
        self.folder.mkdir(parents=True, exist_ok=True)
        head = {"settings": self._settings, "reading": self._reading, "paths": dict(self.inputs.paths)}
        self.chunks.with_suffix(".inputs").write_text(json.dumps(head), encoding="utf-8")
        self.chunks.write_text("".join(_line(number, chunk) for number, chunk in enumerate(committed)), encoding="utf-8")

    def note(self, number: int, chunk: Ingested) -> None:
        """Remember a chunk that was committed. A line lost with the power costs reading the chunk again."""
        with self.chunks.open("a", encoding="utf-8") as lines:
            lines.write(_line(number, chunk))

    def finish(self, done: Ingested, provenance: Mapping[str, Any]) -> None:
        """Write the receipt and let go of the list of chunks."""
        told = {"settings": self._settings, "reading": self._reading, "paths": dict(self.inputs.paths), **provenance, **_told(done)}
        scratch = self.path.with_suffix(".new")
        scratch.write_text(json.dumps(told), encoding="utf-8")
        scratch.replace(self.path)
        self.forget()

    def refuse_changed(self) -> None:
        """Raises SourceError where an input has another content than when the same was read from it before, under whatever settings."""
        seen: dict[str, set[str]] = {}
        for told in self._kept():
            if told["settings"] == self._settings or told["reading"].get("of") == self._reading["of"]:
                for path, digest in told["paths"].items():
                    seen.setdefault(path, set()).add(digest)
        for path, digest in self.inputs.paths.items():
            if path in seen and digest not in seen[path]:
                before = sorted(seen[path])[0]
                found = f"has changed since it was ingested: SHA-256 {digest[:12]}…, was {before[:12]}…"
                hint = "read it as a correction (rows it no longer holds stay): tickcast ingest CONFIG --changed; or use another --store"
                raise SourceError(found, file=path, hint=hint)

    def refuse_other_rows(self) -> None:
        """Raises SourceError where an input was read before under options that make other rows of it, by stamp or by what tells two rows
        apart: those rows stay, so one stamped too early would go on being known too early, and a trade would count twice.
        """
        for told in self._kept():
            before, digests = told["reading"], told["paths"].values()
            if before.get("of") != self._reading["of"] or before.get("told") == self._reading["told"]:
                continue
            for path, digest in self.inputs.paths.items():
                if path in told["paths"] or digest in digests:
                    now = self._reading["told"]
                    found = f"was ingested with {before.get('told')}, now it is {now}: its rows would stand in the store twice"
                    raise SourceError(found, file=path, field="options", hint="ingest it into a store of its own (--store)")

    def _kept(self) -> Iterator[dict[str, Any]]:
        """Every receipt, finished or not."""
        for path in sorted(self.folder.glob("*.json")) + sorted(self.folder.glob("*.inputs")):
            try:
                told = json.loads(path.read_text(encoding="utf-8"))
                paths = {str(name): str(digest) for name, digest in told["paths"].items()}
                kept = {"settings": told["settings"], "reading": dict(told.get("reading", {})), "paths": paths}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue  # a damaged receipt remembers nothing
            yield kept


def _reading(data: DataConfig) -> dict[str, Any]:
    """What is read, and what decides which rows it gives and when they are known, as JSON values. What is said by default is not told."""
    usual = {name: one.default for name, one in inspect.signature(SOURCES[data.source]).parameters.items()}
    usual |= {"zone": "UTC"} if data.source == "table" else {}  # without a zone none was needed
    told = {name: value for name, value in data.options.items() if name in _STAMPING and value not in (None, usual.get(name))}
    columns, layout = (value if isinstance(value := data.options.get(name), Mapping) else {} for name in ("columns", "layout"))
    unlike = {"ts" if "ts" in columns else "ts_event", *TABLES[data.table].identity}
    told |= {f"columns.{name}": column for name, column in columns.items() if name in unlike}
    told |= {f"layout.{name}": layout[name] for name in _LAYING if layout.get(name) not in (None, (), [], "keep")}
    divided = layout.get("divisor")
    if isinstance(divided, Mapping):
        told |= {f"layout.divisor.{name}": divided[columns[name]] for name in unlike if columns.get(name) in divided}
    of = [data.source, data.table, data.symbol, data.options.get("member")]
    return dict(json.loads(json.dumps({"of": of, "told": told}, default=str, sort_keys=True)))


def _told(done: Ingested) -> dict[str, Any]:
    spans = [list(asdict(span).values()) for span in done.spans]
    told = {"version": done.version, "rows": done.rows, "outside": done.outside, "quarantined": dict(done.quarantined)}
    return {**told, "left_out": dict(done.left_out), "spans": spans}


def _line(number: int, chunk: Ingested) -> str:
    return json.dumps({"chunk": number, **_told(chunk)}) + "\n"


def _parsed(kept: Mapping[str, Any], files: Mapping[str, str]) -> Ingested:
    """Raises ValueError, KeyError, TypeError or AttributeError for what `_told` did not write."""
    counts, left = ({str(name): int(count) for name, count in told.items()} for told in (kept["quarantined"], kept.get("left_out", {})))
    spans = tuple(
        Span(str(symbol), int(day), int(interval), int(first), int(last), None if rows is None else int(rows))
        for symbol, day, interval, first, last, rows in kept["spans"]
    )
    version, rows, outside = str(kept["version"]), int(kept["rows"]), int(kept["outside"])
    return Ingested(version, rows, outside, MappingProxyType(counts), files, spans, MappingProxyType(left))


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", file=path, hint="check its name and permissions") from None
    return found.st_size, found.st_mtime_ns


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", file=path, hint="check its name and permissions") from None
