"""Databento's historical service and the cache beside it: what it has, what it costs, what a symbol stands for, what was downloaded."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tickcast.clock import DAY, SECOND
from tickcast.errors import ConfigError, ProviderUnavailable
from tickcast.sources.databento_cache import Cache
from tickcast.sources.databento_gateway import URL, Gateway, Patience
from tickcast.sources.databento_key import Key
from tickcast.sources.databento_request import Piece, Request

__all__ = ["Service"]

_WORDS = ("url", "cache", "key_file", "offline")


class Service:
    """One service and one cache.

    Parameters
    ----------
    gateway: how the service is asked; None where nothing may be asked.
    cache: folder of all files kept.
    """

    def __init__(self, gateway: Gateway | None, cache: Path) -> None:
        self._gateway, self._folder = gateway, cache
        self._ranges: dict[tuple[str, str], tuple[int, int]] = {}
        self._listed: list[tuple[Request, int, int, list[tuple[int, int]]]] = []

    @classmethod
    def from_dict(cls, words: Mapping[str, Any] | None) -> Service:
        """From the words of `access`: `url`, `cache`, `key_file`, `offline`, the fields of `Patience`. Raises ConfigError for others."""
        told = dict(words or {})
        patient = {one.name: one.type for one in fields(Patience)}
        for word in told:
            if word not in (*_WORDS, *patient):
                raise ConfigError(f"access has no {word!r}", field="access", hint=f"it has {', '.join((*_WORDS, *patient))}")
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = Path(told["cache"]) if told.get("cache") else Path(home) / "tickcast" / "databento"
        if told.get("offline", False):
            return cls(None, cache)
        file = Path(told["key_file"]) if told.get("key_file") else None
        try:
            patience = Patience(**{word: type(getattr(Patience(), word))(told[word]) for word in patient if word in told})
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{error}", field="access") from None
        return cls(Gateway(partial(Key.find, file), url=told.get("url") or URL, patience=patience, sleep=time.sleep), cache)

    @property
    def offline(self) -> bool:
        """Whether only what is kept may be read."""
        return self._gateway is None

    @property
    def gateway(self) -> Gateway:
        """How the service is asked. Raises ProviderUnavailable where it may not be."""
        if self._gateway is None:
            raise ProviderUnavailable("Databento is not asked: access is offline", hint="leave offline out")
        return self._gateway

    def cache(self, request: Request) -> Cache:
        """The files kept of a request."""
        return Cache(self._folder, request)

    def available(self, request: Request) -> tuple[int, int]:
        """[start, end), UTC ns, of what the service has of the request's schema."""
        key = (request.dataset, request.schema)
        if key not in self._ranges:
            told = self.gateway.ask("metadata.get_dataset_range", {"dataset": request.dataset}, get=True)
            try:
                span = told.get("schema", {}).get(request.schema, told)
                self._ranges[key] = (_moment(span["start"]), _moment(span["end"]))
            except (KeyError, ValueError, AttributeError, TypeError):
                raise ProviderUnavailable(f"it tells no range of {request.dataset}: {str(told)[:200]}", file=self.gateway.url) from None
        return self._ranges[key]

    def missing(self, request: Request, plan: Sequence[Piece]) -> list[Piece]:
        """The pieces that have to be downloaded: not kept, and of days on which there is such an instrument."""
        kept = self.cache(request).names()
        absent = [piece for piece in plan if piece.name not in kept]
        if not absent or self.offline:
            return absent
        spans = self._spans(request, absent[0].first, absent[-1].last)
        return [piece for piece in absent if any(low < piece.last and piece.first < high for low, high in spans)]

    def cost(self, request: Request, missing: Sequence[Piece]) -> tuple[int, float]:
        """Bytes without compression and US dollars of the pieces, by the provider's word; pieces end to end are asked for as one."""
        size, dollars = 0, 0.0
        runs: list[Piece] = []
        for piece in missing:
            joined = bool(runs) and runs[-1].last == piece.first
            runs[-1:] = [Piece(runs[-1].first, piece.last)] if joined else [*runs[-1:], piece]
        for run in runs:
            words = request.words(run.start, run.end)
            size += int(self.gateway.ask("metadata.get_billable_size", words))
            dollars += float(self.gateway.ask("metadata.get_cost", words))
        return size, dollars

    def fetch(self, request: Request, piece: Piece) -> tuple[Path | None, bool]:
        """The piece's file and whether it was downloaded just now; no file where no such instrument existed.

        Raises ProviderUnavailable where it is not kept and may not be asked for.
        """
        cache = self.cache(request)
        if cache.sound(piece):
            return cache.path(piece), False
        if self.offline:
            raise ProviderUnavailable("is not kept, or its bytes have changed", file=cache.path(piece), hint="go online once")
        if piece.name not in cache.names() and not self.missing(request, [piece]):
            return None, True
        return cache.fetch(piece, self.gateway), True

    def changed(self, request: Request, piece: Piece) -> bool:
        """Whether the provider now counts other records than the kept file has."""
        counted = int(self.gateway.ask("metadata.get_record_count", request.words(piece.start, piece.end)))
        seen = self.cache(request).seen(piece)
        return counted not in (seen.records, seen.inside)

    def raw_symbols(self, request: Request, piece: Piece, ids: Sequence[int]) -> Mapping[int, str]:
        """Raw symbols of instrument ids in the time of a piece; kept beside its file."""
        place = self.cache(request).path(piece).with_suffix("").with_suffix(".symbols.json")
        if place.is_file():
            try:
                return {int(number): str(name) for number, name in json.loads(place.read_text(encoding="utf-8")).items()}
            except (OSError, ValueError, AttributeError):
                place.unlink(missing_ok=True)
        if not ids or self.offline:
            return {}
        asked = ",".join(str(number) for number in ids)
        told = self._resolve(request.dataset, asked, "instrument_id", "raw_symbol", piece.first, piece.last)
        names = {int(number): str(spans[-1]["s"]) for number, spans in told.items() if spans}
        part = place.with_name(f".{place.name}.part")
        part.write_text(json.dumps({str(number): name for number, name in sorted(names.items())}), encoding="utf-8")
        part.replace(place)
        return names

    def _spans(self, request: Request, first: int, last: int) -> list[tuple[int, int]]:
        """Days [low, high) on which the request's symbols stand for something, between days [first, last)."""
        for known, low, high, spans in self._listed:
            if replace(known, schema=request.schema) == request and low <= first <= last <= high:
                return spans
        told = self._resolve(request.dataset, ",".join(request.symbols), str(request.stype_in), "instrument_id", first, last)
        found = [(_day(span["d0"]), _day(span["d1"])) for spans in told.values() for span in spans]
        self._listed.append((request, first, last, found))
        return found

    def _resolve(self, dataset: str, symbols: str, given: str, wanted: str, first: int, last: int) -> Mapping[str, Any]:
        words = {"dataset": dataset, "symbols": symbols, "stype_in": given, "stype_out": wanted}
        words |= {"start_date": _date(first), "end_date": _date(last)}
        told = self.gateway.ask("symbology.resolve", words)
        if not isinstance(told, dict) or not isinstance(told.get("result"), dict):
            raise ProviderUnavailable(f"symbols are not resolved: {str(told)[:200]}", file=self.gateway.url)
        return dict(told["result"])


def _date(day: int) -> str:
    return str(datetime.fromtimestamp(0, UTC).date() + timedelta(day))


def _day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND // DAY


def _moment(text: str) -> int:
    """UTC ns of 2024-12-31T00:00:00.000000000Z; Python reads six digits of the nine."""
    part = text[20:29]
    whole = int(datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()) * SECOND
    return whole + (int(part.ljust(9, "0")) if part.isdigit() else 0)
