"""`tickcast data record`: a live feed into the store, until it is told to stop."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Any

from tickcast.cli.arguments import DatasetFile, NewStore, Settings
from tickcast.cli.terminal import Terminal
from tickcast.clock import SECOND, parse_duration
from tickcast.config import DataConfig
from tickcast.errors import ConfigError

if TYPE_CHECKING:
    from tickcast.calendars import Calendar
    from tickcast.sources import Source

__all__ = ["record"]

_LINE_EVERY = 10.0  # seconds between two status lines where nothing but commits happens


def record(
    config: DatasetFile,
    *,
    symbol: tuple[str, ...] = (),
    flush_rows: int = 5_000,
    flush_every: str = "1s",
    stale_after: str = "60s",
    hold_rows: int = 500_000,
    set_: Settings = (),
    store: NewStore = "data/store",
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Record a live feed until SIGINT or SIGTERM: rows are acknowledged when they are on disk, and a lost connection is made anew.

    What was missed in between stands in table gaps; tickcast data fill asks history for it.

    For example:

    tickcast data record configs/simulated.yaml

    tickcast data record copper.yaml --symbol SHFE.cu2602 --symbol SHFE.cu2603 --json

    Parameters
    ----------
    symbol
        Instrument to record, instead of the configuration's; may be given several times.
    flush_rows
        Commit when so many rows wait.
    flush_every
        Commit when the oldest row waits so long.
    stale_after
        Silence inside a session after which the connection is made anew.
    hold_rows
        Rows kept in memory while the disk refuses; beyond it the feed is not read.
    json
        Write each event as one line of JSON: connecting, committed, lost, gap, held, healed, full, stopped, with all figures.
    quiet
        No status lines.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    with _until_told() as stop:  # before anything takes time: who stops it early is answered too
        data = DataConfig.load(config, set_)
        seconds = [parse_duration(each) / SECOND for each in (flush_every, stale_after)]
        import numpy as np

        from tickcast.calendars import calendar
        from tickcast.record import Recorder, RecordSettings
        from tickcast.sources import LiveSource
        from tickcast.sources.configured import configured, market_rules
        from tickcast.store import Store

        settings = RecordSettings(flush_rows=flush_rows, flush_seconds=seconds[0], stale_seconds=seconds[1], hold_rows=hold_rows)
        source = configured(data)
        if not isinstance(source, LiveSource):
            raise ConfigError(f"source {data.source} has no live feed", file=config, field="data.source", hint="record simulated or tqsdk")
        with Store.open(store) as kept:
            recorder = Recorder(
                source,
                kept,
                {each: _calendar(each, source, data) for each in symbol or (data.symbol,)},
                tell=_Listener(terminal),
                settings=settings,
                rules=market_rules(data, calendar(data.calendar)),
                rng=np.random.default_rng(time.time_ns()),
            )
            recorder.run(stop)
            value = recorder.figures()
    aside = ", ".join(f"{count} {reason}" for reason, count in value["aside"].items()) or "none"
    text = f"{value['acknowledged']} rows recorded, {value['repeated']} repeated, set aside: {aside}; {value['gaps']} gaps"
    if not json:  # each event was told, the last one as "stopped"
        terminal.answer(value, text)


class _Listener:
    """Events as lines: of JSON for a program, for a reader those that matter and a status line every ten seconds."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal, self._told = terminal, 0.0

    def __call__(self, event: str, figures: Mapping[str, Any]) -> None:
        self._terminal.event({"event": event, **figures})
        now = time.monotonic()
        if event == "stopped" or (event == "committed" and now - self._told < _LINE_EVERY):
            return
        self._told = now
        lag = "" if figures["lag"] is None else f", {figures['lag']:.3f} s behind"
        why = f": {figures['why']}" if "why" in figures else ""
        numbers = f"{figures['acknowledged']} rows committed, {figures['waiting']} wait, {figures['reconnects']} reconnections{lag}"
        self._terminal.remark(f"{event}{why} ({numbers})")


@contextmanager
def _until_told() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set; a second one ends the process as ever."""
    stop = Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _calendar(symbol: str, source: Source, data: DataConfig) -> Calendar:
    """The calendar of a symbol's product where there is one, as SHFE.cu of SHFE.cu2602; else the source's, else the configuration's."""
    from tickcast.calendars import CALENDARS, calendar

    product = re.sub(r"\d+$", "", symbol.removeprefix("KQ.m@"))
    return calendar(product if product in CALENDARS else source.calendar or data.calendar)
