"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# processes that tests start find the modules of the tests, as pytest itself does
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Folder of the real market data; the test is skipped where it is absent."""
    named = os.environ.get("TICKCAST_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "DATA.md").is_file():
        pytest.skip(f"no market data at {folder}; set TICKCAST_TEST_DATA")
    return folder
