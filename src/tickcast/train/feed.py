"""Feeds: which rows a network reads in which update."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tickcast.models.backbone import State, StreamBackbone, WindowBackbone
from tickcast.train.options import TrainingOptions
from tickcast.views.windows import windows

__all__ = ["Feed", "StreamFeed", "WindowFeed"]


class Feed(ABC):
    """One pass over some rows, cut into updates."""

    updates: int

    @abstractmethod
    def begin(self, epoch: int) -> None:
        """Fix the order of this epoch, from the seed and `epoch` alone, and forget any carried state."""

    @abstractmethod
    def embed(self, update: int) -> tuple[Tensor, NDArray[np.int64]]:
        """Embeddings (m, width) of the rows of one update that are to be scored, and those rows (m,)."""

    @abstractmethod
    def carried(self) -> dict[str, Tensor]:
        """State between two updates, empty where there is none."""

    @abstractmethod
    def restore(self, carried: Mapping[str, Tensor]) -> None:
        """Take up what `carried` gave."""


class WindowFeed(Feed):
    """Windows that end at `rows`, shuffled (or in order where `options` is None).

    Parameters
    ----------
    backbone: reads the windows.
    values: (n, k) float32, the standardised table.
    rows: (m,) last rows of whole windows.
    options: of the training; None to score all rows in order.
    """

    def __init__(
        self, backbone: WindowBackbone, values: NDArray[np.float32], rows: NDArray[np.int64], options: TrainingOptions | None
    ) -> None:
        self._backbone, self._values, self._rows, self._options = backbone, values, rows, options
        self._batch = 512 if options is None else options.batch
        self._count = len(rows) if options is None or options.rows_per_epoch is None else min(len(rows), options.rows_per_epoch)
        self._order = rows
        self.updates = -(-self._count // self._batch)

    def begin(self, epoch: int) -> None:
        if self._options is not None:
            drawn = np.random.default_rng((self._options.seed, epoch)).permutation(len(self._rows))
            self._order = self._rows[drawn[: self._count]]

    def embed(self, update: int) -> tuple[Tensor, NDArray[np.int64]]:
        rows = self._order[update * self._batch : min((update + 1) * self._batch, self._count)]
        x = torch.from_numpy(windows(self._values, rows, self._backbone.window))
        return self._backbone(x.to(next(self._backbone.parameters()).device)), rows

    def carried(self) -> dict[str, Tensor]:
        return {}

    def restore(self, carried: Mapping[str, Tensor]) -> None:
        return None


class StreamFeed(Feed):
    """Ready rows in time order, cut into parallel streams that advance together; the state is carried, detached, reset at a new segment.

    Every stream but the first begins with rows of the one before, read to warm the state and not scored. Rows that are not ready are
    skipped and leave the state as it is, as in `predict` and in the server.

    Parameters
    ----------
    backbone: reads the streams.
    values: (n, k) float32, the standardised table.
    segment: (n,) int64.
    rows: (m,) ready rows that are read.
    scored: (n,) bool, rows to be scored.
    options: of the training; None to score all in one order.
    warm: rows that a stream reads before its first scored one.
    streams: how many, None to choose; one stream reads everything in order.
    """

    def __init__(
        self,
        backbone: StreamBackbone,
        values: NDArray[np.float32],
        segment: NDArray[np.int64],
        rows: NDArray[np.int64],
        scored: NDArray[np.bool_],
        options: TrainingOptions | None,
        *,
        warm: int,
        streams: int | None = None,
    ) -> None:
        self._backbone, self._values, self._rows, self._scored, self._options = backbone, values, rows, scored, options
        most, self._chunk = (64, 256) if options is None else (options.batch, options.chunk)
        streams = streams or max(1, min(most, len(rows) // max(1, 4 * warm)))  # warming takes at most a fifth of the work
        self._warm = warm
        self._length = -(-len(rows) // streams)
        drawn = None if options is None else options.rows_per_epoch
        self._read = self._length if drawn is None else min(self._length, -(-drawn // streams))
        self._starts = np.arange(streams) * self._length
        self._new = np.concatenate([[True], np.diff(segment[rows]) != 0])
        self._state: State = ()
        self.updates = -(-(self._read + warm) // self._chunk)

    def begin(self, epoch: int) -> None:
        slack = self._length - self._read
        seed = 0 if self._options is None else self._options.seed
        shift = int(np.random.default_rng((seed, epoch)).integers(0, slack + 1)) if slack else 0
        self._starts = np.arange(len(self._starts)) * self._length + shift
        self._state = self._backbone.initial(len(self._starts))

    def embed(self, update: int) -> tuple[Tensor, NDArray[np.int64]]:
        first = update * self._chunk - self._warm
        offset = np.arange(first, min(first + self._chunk, self._read))
        at = self._starts[:, None] + offset
        real = (at >= 0) & (at < len(self._rows))
        at = np.clip(at, 0, len(self._rows) - 1)
        rows = self._rows[at]
        state = tuple(part.detach() for part in self._state)
        device = next(self._backbone.parameters()).device
        x = torch.from_numpy(self._values[rows]).to(device)
        # Places before the first and behind the last row repeat those; the state starts anew when the first is really read.
        fresh = torch.from_numpy(self._new[at] & real).to(device)
        out, self._state = _advance(self._backbone, x, state, fresh)
        score = real & (offset >= 0) & self._scored[rows]
        return out[torch.from_numpy(score).to(device)], rows[score]

    def carried(self) -> dict[str, Tensor]:
        return {f"{i}": part.detach().contiguous() for i, part in enumerate(self._state)}

    def restore(self, carried: Mapping[str, Tensor]) -> None:
        device = next(self._backbone.parameters()).device  # a checkpoint is read into main memory
        self._state = tuple(carried[f"{i}"].to(device) for i in range(len(carried)))


def _advance(backbone: StreamBackbone, x: Tensor, state: State, fresh: Tensor) -> tuple[Tensor, State]:
    """Whole-sequence steps over x (streams, time, k), with the state set to zero before each `fresh` (streams, time) row.

    Fresh rows are rare, so the sequence is cut at them and the fast recurrence runs over the pieces.
    """
    cuts = sorted({0, *torch.nonzero(fresh.any(dim=0)).flatten().tolist(), x.shape[1]})
    pieces = []
    for start, end in zip(cuts[:-1], cuts[1:], strict=True):
        keep = (~fresh[:, start])[:, None]
        state = tuple(part * keep for part in state)
        out, state = backbone(x[:, start:end], state)
        pieces.append(out)
    return torch.cat(pieces, dim=1), state
