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


def stood_and_went_on(folder: Path, acknowledged: int, answers: tuple[str, ...], faults: Faults) -> tuple[bool, bool]:
    """Whether the store, opened without repair, holds what was acknowledged and at most the deed under way, and whether a second life
    completes it. Damage raises."""
    with Store.open(folder) as store:
        stood = told(store) in answers[acknowledged : acknowledged + 2]
        store.verify(full=True)
    _, again = faults.live(COUNT, folder=folder)
    with Store.open(folder) as store:
        completed = again.code == 0 and told(store) == answers[-1]
        store.verify(full=True)
    shutil.rmtree(folder)
    return stood, completed


def killed(faults: Faults, answers: tuple[str, ...], at: list[int], mode: int) -> list[tuple[int, bool, bool]]:
    """Exit code, stood, completed: of each life killed at one of these calls."""
    out = []
    for call in at:
        folder, ended = faults.live(mode, call)
        out.append((ended.code, *stood_and_went_on(folder, ended.deeds, answers, faults)))
    return out


def failing(faults: Faults, answers: tuple[str, ...], at: list[int], code: int) -> list[tuple[int, int, bool]]:
    """Exit code, deeds acknowledged, completed: of each life whose disk fails from one of these calls on until it is told."""
    out = []
    for call in at:
        folder, ended = faults.live(FAIL, call, code)
        with Store.open(folder) as store:
            out.append((ended.code, ended.deeds, told(store) == answers[-1]))
            store.verify(full=True)
        shutil.rmtree(folder)
    return out


@pytest.mark.parametrize("mode", [KILL, TEAR], ids=["killed", "torn"])
def test_killed_at_some_calls(faults: Faults, answers: tuple[str, ...], calls: int, mode: int) -> None:
    assert killed(faults, answers, spread(calls, ROUNDS, mode), mode) == [(-9, True, True)] * ROUNDS


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_a_failing_disk_acknowledges_nothing_and_heals(faults: Faults, answers: tuple[str, ...], calls: int, code: int) -> None:
    assert failing(faults, answers, spread(calls, ROUNDS, code), code) == [(0, len(DEEDS), True)] * ROUNDS


@pytest.mark.soak
@pytest.mark.parametrize("mode", [KILL, TEAR], ids=["killed", "torn"])
def test_killed_at_every_call(faults: Faults, answers: tuple[str, ...], calls: int, mode: int) -> None:
    assert killed(faults, answers, list(range(1, calls + 1)), mode) == [(-9, True, True)] * calls


@pytest.mark.soak
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_failing_at_every_call(faults: Faults, answers: tuple[str, ...], calls: int, code: int) -> None:
    assert failing(faults, answers, list(range(1, calls + 1)), code) == [(0, len(DEEDS), True)] * calls


def killed_by_the_clock(faults: Faults, answers: tuple[str, ...], kills: int, seed: int) -> tuple[int, set[tuple[bool, bool]]]:
    """Lives killed at random moments: how many were not over before, and what (stood, completed) came of those that had begun a store."""
    random, cut, came = np.random.default_rng(seed), 0, set()
    for _ in range(kills):
        folder, ended = faults.live(COUNT, after=float(random.uniform(0.005, 0.5)))
        cut += ended.code == -14
        if folder.exists():
            came.add(stood_and_went_on(folder, ended.deeds, answers, faults))
    return cut, came


def test_killed_at_random_moments(faults: Faults, answers: tuple[str, ...]) -> None:
    cut, came = killed_by_the_clock(faults, answers, 6, 1)
    assert cut > 0 and came == {(True, True)}


@pytest.mark.soak
def test_killed_at_two_hundred_random_moments(faults: Faults, answers: tuple[str, ...]) -> None:
    cut, came = killed_by_the_clock(faults, answers, 200, 2)
    assert cut > 100 and came == {(True, True)}
