"""The predictor in process."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast import _engine
from tickcast.bundle import Bundle
from tickcast.distributions import Buckets, Distribution, Quantiles
from tickcast.errors import ServeError
from tickcast.forecast import Forecast

__all__ = ["Predictor"]

_OUTPUTS = ("p_up", "E_r", "q05", "q50", "q95", "std")


class Predictor:
    """Forecasts of one bundle, event by event, for any number of symbols; the Rust server runs the same code.

    Parameters
    ----------
    bundle: an opened bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._engine: _engine.Predictor = bundle.predictor()

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open the bundle in `folder`. Raises BundleError."""
        return cls(Bundle.open(folder))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields of an event besides ts, symbol and segment_id."""
        return tuple(self._engine.inputs)

    def update(self, event: Mapping[str, object]) -> int:
        """Take one event in: ts, every input, optionally symbol and segment_id. Returns how many forecasts it made known.

        Raises ServeError naming the field that is missing, unknown or no finite number, a stamp out of order or outside of all sessions;
        nothing is taken in then.
        """
        for field, value in event.items():
            if isinstance(value, float | np.floating) and not math.isfinite(value):
                raise ServeError(f"bad_value: {value} is no finite number", field=field, hint="drop the event or repair it")
        plain = {field: value.item() if isinstance(value, np.generic) else value for field, value in event.items()}
        try:
            text = json.dumps(plain)
        except (TypeError, ValueError) as error:
            raise ServeError(f"an event that is no JSON object: {error}", hint="give numbers and text") from None
        return self._engine.update(text)

    def replay(self, frame: pl.DataFrame, symbol: str = "", until: int | None = None) -> tuple[NDArray[np.int64], Forecast]:
        """Take the events of `frame` in; the (n,) stamps and the forecasts they made known, up to `until` on a grid.

        Raises ServeError naming the row and field; the rows before it have been taken in.
        """
        absent = [name for name in ("ts", *self.inputs) if name not in frame.columns]
        if absent:
            raise ServeError("the frame has no such column", field=absent[0], hint=f"the bundle needs ts, {', '.join(self.inputs)}")
        segment = frame["segment_id"].to_numpy() if "segment_id" in frame.columns else np.zeros(len(frame), np.int64)
        columns = [_numbers(frame, name) for name in self.inputs]
        stamps = np.ascontiguousarray(frame["ts"].to_numpy(), np.int64)
        ts, law, scale, _ = self._engine.run(symbol, stamps, np.ascontiguousarray(segment, np.int64), columns, until)
        return ts, self._forecast(law, scale)

    def advance(self, ts: int, symbol: str = "") -> int:
        """Time has come to `ts`, UTC ns, and no earlier event will follow. Returns how many forecasts that made known."""
        return self._engine.advance(symbol, ts)

    def predict(self, symbol: str = "") -> tuple[int, Forecast]:
        """The latest stamp and its forecast (one row). Raises ServeError saying why there is none: warming_up, not_ready, stale, …"""
        ts, _, _, _, (_, law, scale, _) = self._engine.predict(symbol)
        return ts, self._forecast(law, scale)

    def predict_outputs(self, symbol: str = "") -> dict[str, NDArray[np.float64]]:
        """(h,) arrays p_up, E_r, q05, q50, q95, std of the latest forecast, computed in Rust. Raises ServeError as `predict`."""
        outputs = self._engine.predict(symbol)[4][3][0]
        return {name: outputs[:, i] for i, name in enumerate(_OUTPUTS)}

    def clear(self) -> None:
        """Forget every symbol."""
        self._engine.clear()

    def save(self) -> str:
        """Everything remembered, as text; `restore` continues from it to the bit."""
        return self._engine.save()

    def restore(self, saved: str) -> None:
        """Take what `save` gave. Raises ServeError for the state of another bundle; the memory is then as it was."""
        self._engine.restore(saved)

    def _forecast(self, law: NDArray[np.float64], scale: NDArray[np.float64]) -> Forecast:
        kind, rows, lattice = self._engine.law
        made: Distribution = Buckets(np.array(rows), law, lattice) if kind == "buckets" else Quantiles(np.array(rows[0]), law)
        return Forecast(tuple(self._engine.horizons), made, scale, self._engine.unit)


def _numbers(frame: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """(n,) column `name`, NaN where it is null. Raises ServeError naming the first row that holds no number."""
    column = frame[name]
    numbers = column.cast(pl.Float64, strict=False) if column.dtype.is_numeric() or column.dtype == pl.String else None
    wrong = column.is_not_null() & (numbers.is_null() if numbers is not None else True)
    if numbers is None or wrong.any():
        row = int(wrong.arg_max() or 0)
        found = repr(column[row]) if len(column) else str(column.dtype)
        raise ServeError(f"bad_value: {found} is no number", row=row + 1, field=name, hint="drop the event or repair it")
    return np.ascontiguousarray(numbers.fill_null(float("nan")).to_numpy())
