"""One suite, every kind of store: `opened` opens stores, `store` is one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.places import Places
from tickcast.store import Store

KINDS = ("embedded",)


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    """Opens stores of each kind."""
    places = Places(request.param, tmp_path)
    yield places
    places.close()


@pytest.fixture
def store(opened: Places) -> Store:
    """An empty store of each kind."""
    return opened()
