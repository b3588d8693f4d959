"""The one place that writes to a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

__all__ = ["Terminal", "counted"]

_PIPED = 200  # columns where a table goes to a file or a program
_NEWS_EVERY = 1.0  # seconds between two lines of one step when what is done changes, as from file to file
_LINE_EVERY = 10.0  # seconds between two log lines of one step where there is no terminal to draw on


class Terminal:
    """Answers go to standard output, everything else to standard error.

    Parameters
    ----------
    quiet: no progress and no remarks; answers and errors stay.
    as_json: answers are one JSON value for a program to read.
    """

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet, self.as_json = quiet, as_json
        wide = None if sys.stdout.isatty() else _PIPED
        self._out = Console(highlight=False, soft_wrap=True, width=wide)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def answer(self, value: Mapping[str, Any] | Sequence[Any], text: RenderableType) -> None:
        """Write `value` as JSON or `text` for a reader."""
        if self.as_json:
            self._out.file.write(json.dumps(value, indent=2, allow_nan=False, default=str) + "\n")
        elif isinstance(text, str):
            self._out.print(text, markup=False)
        else:
            self._out.print(text)
        self._out.file.flush()  # whoever reads a pipe waits for the answer of a server that goes on

    def event(self, value: Mapping[str, Any]) -> None:
        """Write one line of JSON, for a program that listens; a reader is told by remarks."""
        if self.as_json:
            self._out.file.write(json.dumps(value, allow_nan=False, default=str) + "\n")
            self._out.file.flush()

    def remark(self, text: str) -> None:
        """Something worth knowing that is not the answer."""
        if not self.quiet:
            self._err.print(text, markup=False)

    def error(self, text: str) -> None:
        """One line on standard error."""
        self._err.print(f"tickcast: {text}", markup=False)

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """A listener of (step, what, share): bars with the time left, or log lines where there is no terminal."""
        if self.quiet:
            yield lambda step, what, share: None
        elif not self._err.is_terminal:
            yield _LogLines(self)
        else:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
            with Progress(*columns, console=self._err) as bars:
                yield _Bars(bars)


def counted(number: int, what: str) -> str:
    """
    >>> counted(1, "symbol"), counted(2500, "expected day")
    ('1 symbol', '2,500 expected days')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class _LogLines:
    """A line when a step begins, ends, or has been silent for a while; with the time left once that can be told."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._told: dict[str, str] = {}
        self._at: dict[str, float] = {}
        self._begun: dict[str, tuple[float, float]] = {}

    def __call__(self, step: str, what: str, share: float) -> None:
        now = time.monotonic()
        begin, before = self._begun.setdefault(step, (now, share))
        last, silent = self._told.get(step), now - self._at.get(step, -_LINE_EVERY)
        if share >= 1.0 or silent >= (_NEWS_EVERY if last != what else _LINE_EVERY):
            self._told[step], self._at[step] = what, now
            left = (now - begin) * (1 - share) / (share - before) if share > before and now - begin >= _LINE_EVERY else 0.0
            self._terminal.remark(f"{step}: {what} {100 * share:.0f}%{f', about {_span(left)} left' if left >= 1 else ''}")


def _span(seconds: float) -> str:
    """
    >>> _span(42), _span(150), _span(9000)
    ('42 s', '2 min', '2.5 h')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Bars:
    """One bar per step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, what: str, share: float) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=1.0)
        self._bars.update(self._tasks[step], completed=min(share, 1.0), description=f"{step}: {what}")
