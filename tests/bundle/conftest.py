"""The bundles of the serve tests."""

from serve.conftest import FEATURES, HORIZONS, SESSIONS, bars, make

__all__ = ["FEATURES", "HORIZONS", "SESSIONS", "bars", "make"]
