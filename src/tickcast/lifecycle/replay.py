"""Replay: recorded events through a running server, held against the forecasts of research on the same events."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tickcast.calibrators import apply_all
from tickcast.calibrators import parse as parse_calibrator
from tickcast.clock import HOUR
from tickcast.errors import ServeError
from tickcast.features import FeatureSet
from tickcast.forecast import Forecast
from tickcast.lifecycle.build import load_forecaster
from tickcast.serve import Server
from tickcast.targets import Labels
from tickcast.views import View, eligible

__all__ = ["Replayed", "replay", "research"]

_FIGURES = ("p_up", "E_r", "q05", "q50", "q95")


@dataclass(frozen=True)
class Replayed:
    """What a replay showed.

    Parameters
    ----------
    events, answers: sent and received.
    compared: answers whose row research forecast too.
    largest: largest absolute difference of any figure (probabilities and log-returns).
    """

    events: int
    answers: int
    compared: int
    largest: float


def research(bundle: Path, events: pl.DataFrame) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Forecast]:
    """(n,) stamps and the forecasts that features, forecaster and calibrators of the bundle give in Python on these events."""
    features = FeatureSet.from_graph(json.loads((bundle / "features.json").read_text()))
    forecaster = load_forecaster(bundle)
    table = features.compute(events)
    rows = np.arange(len(table), dtype=np.int64)
    model = json.loads((bundle / "model.json").read_text())
    fixed = (model["fixed"] or {}).get("column")
    reads = dict.fromkeys([*model["columns"], *model["scale"].get("columns", ()), *([fixed] if fixed else [])])
    rows = rows[eligible(table, rows, forecaster.spec.window, tuple(reads))]
    horizons = tuple(model["horizons"])
    blank = np.full((len(table), len(horizons)), np.nan)
    labels = Labels(horizons, blank, table.ts, np.repeat(table.ts[:, None], len(horizons), axis=1))
    calibrators = [parse_calibrator(one) for one in json.loads((bundle / "calibrators.json").read_text())]
    return table.ts[rows], apply_all(calibrators, forecaster.predict(View(table, labels, rows)))


def replay(
    bundle: Path,
    events: pl.DataFrame,
    *,
    last: int = HOUR,
    every: int,
    listener: Callable[[Mapping[str, Any], float], None] | None = None,
) -> Replayed:
    """Post the events to a server of the bundle, ask it after each `every` ns of market time, and compare with `research`.

    Parameters
    ----------
    bundle: its folder.
    events: rows of the bundle's stream with `session_id`; what lies before the last `last` ns is posted first, to end the warm-up.
    every: market time between two questions, ns.
    listener: told each answer and the share of the replay that is done.

    Raises ServeError naming the request that the server refused, or when no answer could be compared.
    """
    ts, forecast = research(bundle, events)
    outputs = np.stack([forecast.outputs()[name] for name in _FIGURES], axis=2)
    known = {int(stamp): row for row, stamp in enumerate(ts)}
    stamps = events["ts"].to_numpy()
    begin = int(stamps[-1]) - last
    cuts = [0, *np.searchsorted(stamps, np.arange(begin, int(stamps[-1]), every), side="right").tolist(), len(stamps)]
    cuts = sorted(set(cuts))
    answers, compared, largest = 0, 0, 0.0
    server = Server(bundle, port=0)
    try:
        caller = _Caller(server)
        columns = json.loads((bundle / "features.json").read_text())["inputs"]
        for low, high in zip(cuts, cuts[1:], strict=False):
            caller.post(_events(events, columns, low, high))
            answer = caller.forecast()
            if answer is None:
                continue
            answers += 1
            row = known.get(int(answer["ts"]))
            if row is not None and stamps[high - 1] >= begin:
                figures = np.array([answer[name] for name in _FIGURES]).T
                largest, compared = max(largest, float(np.abs(figures - outputs[row]).max())), compared + 1
                if listener is not None:
                    listener(answer, high / len(stamps))
    finally:
        server.stop()
    if compared == 0:
        raise ServeError("no answer of the server belongs to a row of research", hint="replay more events than the warm-up needs")
    return Replayed(len(stamps), answers, compared, largest)


def _events(events: pl.DataFrame, columns: list[str], low: int, high: int) -> list[dict[str, Any]]:
    held = events.slice(low, high - low)
    names = ["ts", *columns, *(["segment_id"] if "segment_id" in held.columns else [])]
    return held.select(names).to_dicts()


class _Caller:
    """One kept-alive connection to the server."""

    _MOST = 2_000  # events in one request: well below the server's limit of a megabyte

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._head = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        self._connection.request(method, path, body, self._head)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def post(self, events: list[dict[str, Any]]) -> None:
        for at in range(0, len(events), self._MOST):
            status, said = self._ask("POST", "/v1/events", json.dumps(events[at : at + self._MOST]))
            if status >= 300:
                raise ServeError(f"the server refused events: {status} {said}")

    def forecast(self) -> dict[str, Any] | None:
        """The latest answer, None while the server gives a reason instead."""
        status, said = self._ask("GET", "/v1/forecast")
        if status == 409:
            return None
        if status != 200:
            raise ServeError(f"the server refused a forecast: {status} {said}")
        answer: dict[str, Any] = said
        return answer
