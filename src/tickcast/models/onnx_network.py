"""A saved network, run by ONNX Runtime: a base install forecasts without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile

from tickcast import scales
from tickcast.distributions import Buckets, Distribution, Quantiles
from tickcast.errors import ModelError
from tickcast.features.table import FeatureTable
from tickcast.forecast import Forecast
from tickcast.models.base import Forecaster, Spec
from tickcast.views.standardizer import Standardizer
from tickcast.views.view import View
from tickcast.views.windows import eligible, windows

__all__ = ["OnnxNetwork", "law_of", "read_rows", "refuse_unready"]

_BATCH = 256
# ONNX Runtime's own errors share no base but Exception.
_UNREADABLE = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile)


class OnnxNetwork(Forecaster):
    """Read from a folder that `tickcast.train.Network.save` wrote; cannot be fitted.

    A stream is stepped row by row with batch one, exactly as the server does it, from the first row of the first segment asked for: the
    state starts anew there, so earlier segments cannot matter.
    """

    def __init__(self, model: Mapping[str, Any], session: onnxruntime.InferenceSession, folder: Path) -> None:
        self._model, self._session, self._folder = model, session, folder
        self._columns: list[str] = list(model["columns"])
        self._standardizer = Standardizer.parse(model["standardize"])
        self._scale = scales.parse(model["scale"])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `model.json` and the ONNX file it names. Raises ModelError when either is absent or no network."""
        path = folder / "model.json"
        try:
            model = json.loads(path.read_text())
            file = folder / model["network"]["file"]
            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads = settings.inter_op_num_threads = 1
            session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, *_UNREADABLE) as error:
            raise ModelError(
                f"no network can be read: {str(error).splitlines()[0]}", file=path, hint="use a folder that Network.save wrote"
            ) from error
        return cls(model, session, folder)

    @property
    def spec(self) -> Spec:
        network = self._model["network"]
        step = network["kind"] == "step"
        return Spec(
            name=self._model["forecaster"],
            family="recurrent" if step else "attention",
            view="sequence" if step else "window",
            output=self._model["law"]["kind"],
            streaming=step,
            window=int(network["window"]),
        )

    def fit(self, train: View, valid: View) -> Self:
        """Always raises ModelError: what is fitted is `tickcast.train.Network`."""
        raise ModelError("an exported network cannot be fitted", hint="fit a Network and save it again")

    def eligible(self, table: FeatureTable, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(m,) rows that can be forecast: a whole window of ready rows, or one ready row for a stream."""
        return eligible(table, rows, self.spec.window, self._columns)

    def predict(self, view: View) -> Forecast:
        refuse_unready(view, self.eligible(view.table, view.rows), self.spec.window)
        values = self._standardizer.apply(view.table.select(self._columns).values)
        law = self._stepped(view, values) if self.spec.streaming else self._windowed(view, values)
        return Forecast(tuple(self._model["horizons"]), law_of(self._model["law"], law), self._scale.evaluate(view), self._model["unit"])

    def _windowed(self, view: View, values: NDArray[np.float32]) -> NDArray[np.float64]:
        parts = [
            self._session.run(["law"], {"x": windows(values, view.rows[i : i + _BATCH], self.spec.window)})[0]
            for i in range(0, len(view), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float64) if parts else self._nothing()

    def _stepped(self, view: View, values: NDArray[np.float32]) -> NDArray[np.float64]:
        if not len(view):
            return self._nothing()
        rows = read_rows(view, self._columns)
        wanted = np.isin(rows, view.rows, assume_unique=True)
        fresh = np.diff(view.table.segment[rows], prepend=view.table.segment[rows[0]] - 1) != 0
        out = np.empty((len(view), *self._nothing().shape[1:]))
        x, law = np.empty((1, values.shape[1]), np.float32), np.empty((1, *out.shape[1:]), np.float32)
        # Two copies of the state, of which one is read while the other is written; all memory is bound once.
        states = [[np.zeros((1, *shape), np.float32) for _, shape in self._model["network"]["state"]] for _ in range(2)]
        bindings = [self._bound(x, law, states[turn], states[1 - turn]) for turn in (0, 1)]
        done = 0
        for step, row in enumerate(rows):
            turn = step % 2
            x[0] = values[row]
            if fresh[step]:
                for part in states[turn]:
                    part.fill(0.0)
            self._session.run_with_iobinding(bindings[turn])
            if wanted[step]:
                out[done] = law[0]
                done += 1
        return out

    def _bound(
        self, x: NDArray[np.float32], law: NDArray[np.float32], before: list[NDArray[np.float32]], after: list[NDArray[np.float32]]
    ) -> onnxruntime.IOBinding:
        """One step that reads and writes these arrays in place; they must outlive it."""
        binding = self._session.io_binding()
        names = [name for name, _ in self._model["network"]["state"]]
        for name, part in zip(("x", *names), (x, *before), strict=True):
            binding.bind_input(name, "cpu", 0, np.float32, part.shape, part.ctypes.data)
        for name, part in zip(("law", *(f"{name}_next" for name in names)), (law, *after), strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, part.shape, part.ctypes.data)
        return binding

    def _nothing(self) -> NDArray[np.float64]:
        law = self._model["law"]
        size = len(law["edges"][0]) - 1 if law["kind"] == "buckets" else len(law["levels"])
        return np.zeros((0, len(self._model["horizons"]), size))

    def save(self, folder: Path) -> None:
        """Copy `model.json` and the ONNX file."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("model.json", self._model["network"]["file"]):
            (folder / name).write_bytes((self._folder / name).read_bytes())


def law_of(law: Mapping[str, Any], output: NDArray[np.float64]) -> Distribution:
    """The laws of z of a network's output (n, h, size), as the "law" entry of `model.json` describes them."""
    if law["kind"] == "buckets":
        return Buckets(np.array(law["edges"]), output / output.sum(axis=-1, keepdims=True), bool(law["lattice"]))
    if law["kind"] == "quantiles":  # a float32 sum of positive steps may still fall by its last bit
        return Quantiles(np.array(law["levels"]), np.maximum.accumulate(output, axis=-1))
    raise ModelError(f"unknown kind of law {law['kind']!r}", field="law")


def read_rows(view: View, columns: Sequence[str]) -> NDArray[np.int64]:
    """Ready rows that a stream reads to forecast a view that is not empty: from the last new segment before its first row to its last."""
    rows = np.flatnonzero(view.table.ready(columns)[: view.rows[-1] + 1])
    starts = np.flatnonzero(np.diff(view.table.segment[rows], prepend=view.table.segment[rows[0]] - 1))
    first = np.searchsorted(rows, view.rows[0])
    return rows[starts[np.searchsorted(starts, first, side="right") - 1] :]


def refuse_unready(view: View, ready: NDArray[np.bool_], window: int) -> None:
    """Raise ModelError naming the first row of the view that is not `ready` (m,)."""
    if ready.all():
        return
    row = int(view.rows[np.flatnonzero(~ready)[0]])
    what = f"the {window} rows up to it are" if window > 1 else "it is"
    raise ModelError(
        f"{int((~ready).sum())} rows cannot be forecast, first ts {view.table.ts[row]}: {what} not ready inside one segment",
        row=row + 1,
        hint="ask for rows that `eligible` allows",
    )
