"""What a report says about a run besides its scores; whoever runs fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ForecasterFacts", "RunFacts"]


@dataclass(frozen=True)
class ForecasterFacts:
    """One forecaster: its family, seconds of training, number of fitted parameters, calibrators applied, anything worth a note."""

    name: str
    family: str = ""
    seconds: float | None = None
    parameters: int | None = None
    calibrators: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class RunFacts:
    """The header and the data section of a report.

    Parameters
    ----------
    title, symbol, config, commit, data_version, created: plain text; `created` is a stamp passed in by the caller.
    train, valid, test, purged: rows.
    data: further facts in the order to print them, as {"warm-up rows dropped": "2,000", "gaps > 5 min": "311"}.
    warnings: sentences shown above everything else.
    forecasters: details per forecaster.
    """

    title: str
    symbol: str = ""
    config: str = ""
    commit: str = ""
    data_version: str = ""
    created: str = ""
    train: int | None = None
    valid: int | None = None
    test: int | None = None
    purged: int | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    forecasters: tuple[ForecasterFacts, ...] = ()
