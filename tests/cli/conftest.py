"""A small bundle and its events in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

import small_market


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a bundle that no test changes."""
    return small_market.bundle(tmp_path_factory.mktemp("small")).folder


@pytest.fixture(scope="session")
def events_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CSV file of the bundle's events."""
    path = tmp_path_factory.mktemp("events") / "bars.csv"
    small_market.bars().write_csv(path)
    return path
