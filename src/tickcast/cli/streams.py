"""The events of every stream that a feature set reads: from files of the user's, or from an experiment and its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tickcast.cli.events import events_of, read_events
from tickcast.cli.terminal import Terminal
from tickcast.config import Experiment
from tickcast.errors import ConfigError

if TYPE_CHECKING:
    from tickcast.features import FeatureSet

__all__ = ["events_by_stream", "last_events"]


_Events = pl.DataFrame | Mapping[str, pl.DataFrame]


def events_by_stream(
    features: FeatureSet, data: Sequence[str], config: Path | None, changes: Sequence[str], *, store: str, terminal: Terminal
) -> _Events:
    """The rows of the set's stream, or a mapping of its streams to their rows, the main one last.

    data: files, each as FILE for the main stream or STREAM=FILE. With `config` the other streams are read from the store, where the
    experiment's symbol stands for a stream that names none. Raises ConfigError for a stream without a file, or a file without a stream.
    """
    from tickcast.features.anatomy import inputs_of, stream_of

    main = stream_of(features)
    others = [stream for stream in inputs_of(features) if stream != main]
    named = dict(_stream_and_file(each, main) for each in data)
    if len(named) < len(data) or any(stream not in (main, *others) for stream in named):
        hint = f"one file for each of {', '.join((main, *others))}, as --data {main}=FILE"
        raise ConfigError(f"--data {' --data '.join(data)}", hint=hint)
    held = events_of(named.get(main), config, changes, store, terminal)
    if not others:
        return held
    if config is not None:
        beside = _stored(features, Experiment.load(config, changes).data.symbol, store)
    else:
        missing = [stream for stream in others if stream not in named]
        if missing:
            raise ConfigError(f"no rows of {', '.join(missing)}", field=missing[0], hint=f"--data {missing[0]}=FILE")
        beside = {stream: read_events(named[stream]) for stream in others}
    return {stream: beside[stream] for stream in others} | {main: held}


def last_events(events: _Events, rows: int) -> _Events:
    """The last `rows` rows of the main stream, and of the others what is as young."""
    if isinstance(events, pl.DataFrame):
        return events.tail(rows)
    *others, main = events
    held = events[main].tail(rows)
    return {stream: events[stream].filter(pl.col("ts") >= held["ts"].min()) for stream in others} | {main: held}


def _stream_and_file(text: str, main: str) -> tuple[str, Path]:
    stream, sign, file = text.partition("=")
    return (stream, Path(file)) if sign and stream.isidentifier() else (main, Path(text))


def _stored(features: FeatureSet, symbol: str, store: str) -> Mapping[str, pl.DataFrame]:
    from tickcast.lifecycle.input_days import side_rows
    from tickcast.store import Store

    with Store.open(store) as kept:
        return side_rows(features, kept, symbol)
