"""The laws a `Forecast` can hold: one kind per file, chosen from this table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tickcast.distributions.base import Distribution, Floats
from tickcast.distributions.buckets import Buckets
from tickcast.distributions.quantiles import Quantiles
from tickcast.errors import ForecastError

__all__ = ["DISTRIBUTIONS", "Buckets", "Distribution", "Floats", "Quantiles", "parse"]

DISTRIBUTIONS: Mapping[str, type[Distribution]] = {kind.kind: kind for kind in (Buckets, Quantiles)}


def parse(kind: str, arrays: Mapping[str, Floats]) -> Distribution:
    """The distribution whose `arrays()` these are. Raises ForecastError for an unknown kind or a missing array."""
    try:
        if kind == "buckets":
            return Buckets(arrays["edges"], arrays["probabilities"], lattice=bool(np.asarray(arrays["lattice"]) != 0))
        if kind == "quantiles":
            return Quantiles(arrays["levels"], arrays["values"])
    except KeyError as error:
        raise ForecastError(f"a {kind} forecast needs the array {error}") from None
    raise ForecastError(f"unknown kind of forecast {kind!r}", hint=f"known kinds: {', '.join(DISTRIBUTIONS)}")
