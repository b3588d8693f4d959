"""Half a million real ES trades of September 2013, from the sample data inside the PyPI wheel `mlfinpy` 0.1.2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tickcast.errors import SourceError
from tickcast.sources.base import Progress

__all__ = ["WHEEL", "fetch_es_ticks"]

WHEEL = "mlfinpy-0.1.2-py3-none-any.whl"
_HINT = "check the network and the package index, or run on the simulated market"


def fetch_es_ticks(folder: str | Path, *, progress: Progress | None = None, timeout: float = 120.0) -> Path:
    """Path of the wheel in `folder`, downloaded with pip (without its dependencies) unless it is there already.

    The trades are its member `mlfinpy/dataset/data/tick_data.csv` (DateTime, Price, Volume; Chicago time). Raises SourceError where
    the wheel cannot be had within `timeout` seconds.
    """
    target = Path(folder) / WHEEL
    if target.is_file():
        return target
    if progress is not None:
        progress("downloading mlfinpy 0.1.2", 0.0)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(folder),
        "mlfinpy==0.1.2",
    ]
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"the wheel mlfinpy 0.1.2 cannot be had: {type(error).__name__}", file=target, hint=_HINT) from error
    if ended.returncode != 0 or not target.is_file():
        said = (ended.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise SourceError(f"the wheel mlfinpy 0.1.2 cannot be had: {said}", file=target, hint=_HINT)
    if progress is not None:
        progress("downloaded", 1.0)
    return target
