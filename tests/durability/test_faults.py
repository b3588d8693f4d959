"""Killed at every call that changes a file, torn, without space, with a failing disk: what was acknowledged stays, nothing comes twice."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest

from durability.conftest import Faults
from durability.deeds import COUNT, DEEDS, FAIL, KILL, TEAR, told
from tickcast.store import Store

ROUNDS = 6


def spread(calls: int, count: int, seed: int) -> list[int]:
    """Calls to fail at: the first, the last and some between."""
    between = np.random.default_rng(seed).choice(np.arange(2, calls), min(count, calls) - 2, replace=False)
    return [1, *sorted(between.tolist()), calls]


def stands_and_goes_on(folder: Path, acknowledged: int, answers: tuple[str, ...], faults: Faults) -> None:
    """The store opens without repair and holds what was acknowledged and at most the deed under way; a second life completes it."""
    with Store.open(folder) as store:
        assert told(store) in answers[acknowledged : acknowledged + 2]
        store.verify(full=True)
    _, again = faults.live(COUNT, folder=folder)
    assert again.code == 0
    with Store.open(folder) as store:
        assert told(store) == answers[-1]
        store.verify(full=True)
    shutil.rmtree(folder)


def killed(faults: Faults, answers: tuple[str, ...], at: list[int], mode: int) -> None:
    for call in at:
        folder, ended = faults.live(mode, call)
        assert ended.code == -9
        stands_and_goes_on(folder, ended.deeds, answers, faults)


def failing(faults: Faults, answers: tuple[str, ...], at: list[int], code: int) -> None:
    for call in at:
        folder, ended = faults.live(FAIL, call, code)
        assert (ended.code, ended.deeds) == (0, len(DEEDS))
        with Store.open(folder) as store:
            assert told(store) == answers[-1]
            store.verify(full=True)
        shutil.rmtree(folder)


@pytest.mark.parametrize("mode", [KILL, TEAR], ids=["killed", "torn"])
def test_killed_at_some_calls(faults: Faults, answers: tuple[str, ...], calls: int, mode: int) -> None:
    killed(faults, answers, spread(calls, ROUNDS, mode), mode)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_a_failing_disk_acknowledges_nothing_and_heals(faults: Faults, answers: tuple[str, ...], calls: int, code: int) -> None:
    failing(faults, answers, spread(calls, ROUNDS, code), code)


@pytest.mark.soak
@pytest.mark.parametrize("mode", [KILL, TEAR], ids=["killed", "torn"])
def test_killed_at_every_call(faults: Faults, answers: tuple[str, ...], calls: int, mode: int) -> None:
    killed(faults, answers, list(range(1, calls + 1)), mode)


@pytest.mark.soak
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_failing_at_every_call(faults: Faults, answers: tuple[str, ...], calls: int, code: int) -> None:
    failing(faults, answers, list(range(1, calls + 1)), code)


def killed_by_the_clock(faults: Faults, answers: tuple[str, ...], kills: int, seed: int) -> int:
    """Lives killed at random moments; gives how many were not over before."""
    random, cut = np.random.default_rng(seed), 0
    for _ in range(kills):
        folder, ended = faults.live(COUNT, after=float(random.uniform(0.005, 0.5)))
        assert ended.code in (0, -14)
        cut += ended.code == -14
        if folder.exists():
            stands_and_goes_on(folder, ended.deeds, answers, faults)
    return cut


def test_killed_at_random_moments(faults: Faults, answers: tuple[str, ...]) -> None:
    assert killed_by_the_clock(faults, answers, 6, 1) > 0


@pytest.mark.soak
def test_killed_at_two_hundred_random_moments(faults: Faults, answers: tuple[str, ...]) -> None:
    assert killed_by_the_clock(faults, answers, 200, 2) > 100
