"""Every law tried on every feature of a set, or on functions of one's own, over one's own events; one verdict per feature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tickcast.checks.causality import Told, correction_breaks, future_breaks
from tickcast.checks.differences import ROWS, Break, first_of_each
from tickcast.checks.events import Events, main, ready
from tickcast.checks.feature_set import learning_breaks, warmup_breaks
from tickcast.checks.history import fresh_start_breaks
from tickcast.checks.invariance import calendar_features, scale_breaks, week_breaks, whole_weeks
from tickcast.checks.live import restart_breaks, stream_breaks
from tickcast.checks.regularity import unmeasured_warmups
from tickcast.checks.subject import Computes, computed
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet

__all__ = ["Verdict", "judge", "verdicts"]

_FEWEST = 20


@dataclass(frozen=True)
class Verdict:
    """What the laws say about one feature.

    Parameters
    ----------
    feature: its name.
    broken: the laws it breaks, each with the first row and value that differ; none when it keeps all.
    warmup: declared rows of warm-up; 0 for a function, which declares none.
    known: share of rows after the warm-up on which it is finite.
    remark: why a law could not be tried, "" when all were.
    """

    feature: str
    broken: tuple[Break, ...]
    warmup: int
    known: float
    remark: str

    @property
    def ok(self) -> bool:
        """Whether no law is broken."""
        return not self.broken


def judge(subject: Computes, events: Events, rng: np.random.Generator, told: Told | None = None) -> list[Verdict]:
    """One verdict per feature of anything that computes: it looks back only, waits for corrections, and knows no dates.

    Raises FeatureError when the events are too few.
    """
    events = _enough(events)
    broken = [*future_breaks(subject, events, rng, told), *correction_breaks(subject, events, rng), *week_breaks(subject, events)]
    table = computed(subject, events)
    return [_verdict(name, first_of_each(broken), 0, table.column(name), "") for name in table.names]


def verdicts(words: Mapping[str, Any], events: Events, rng: np.random.Generator, told: Told | None = None) -> list[Verdict]:
    """One verdict per feature of the set that `words` (the keys of its YAML) describe; every law of a feature set is tried.

    events: rows in time order, a few thousand; session_id and segment_id count as 0 where absent. Tables that the set learns are learned on
    the first half. `invariant: {scale: [names]}` claims that doubled prices change nothing, and is tried too. What is wrong with the rows
    or the price themselves is held against every feature. Raises FeatureError when the set cannot be read, a claim names no feature, or
    the events lack a column or are too few.
    """
    claimed = _claims(words)
    features = FeatureSet.from_dict(words)
    known: Any = _enough(events, str(features.graph()["stream"]))
    if features.needs_fit:
        features = features.fit(known, int(main(known)["ts"][len(main(known)) // 2]))
    even = _longest(known)
    ended = len(computed(features, even))
    laws: tuple[tuple[str, Callable[[], Iterable[Break]]], ...] = (
        ("stream", lambda: stream_breaks(features, known)),
        ("restarted stream", lambda: restart_breaks(features, known, rng)),
        ("fresh start", lambda: fresh_start_breaks(features, known)),
        ("warm-up", lambda: (each for each in warmup_breaks(features, even) if features.warmup[each.feature] < ended)),
        ("corrections", lambda: correction_breaks(features, known, rng)),
        ("weeks", lambda: week_breaks(features, known, calendar_features(features), whole_weeks(features))),
        ("learning", lambda: learning_breaks(features, known)),
        ("scale", lambda: scale_breaks(features, known, claimed) if claimed else ()),
    )
    broken = list(future_breaks(features, known, rng, told and (lambda what, share: told(what, 0.8 * share))))
    for i, (name, law) in enumerate(laws):
        broken += law()
        if told is not None:
            told(name, 0.8 + 0.2 * (i + 1) / len(laws))
    table, first = computed(features, known), first_of_each(broken)
    short = f"the longest gapless stretch ({len(main(even))} rows) does not end the warm-up"
    apart = "rows come when they like, so a warm-up in time was not counted in rows"
    remarks = dict.fromkeys(unmeasured_warmups(features, even), apart) | {name: short for name, n in features.warmup.items() if n >= ended}
    return [_verdict(name, first, n, table.column(name)[n:], remarks.get(name, "")) for name, n in features.warmup.items()]


def _claims(words: Mapping[str, Any]) -> frozenset[str]:
    """Features that claim to be free of scale."""
    claims = words.get("invariant") or {}
    if not isinstance(claims, Mapping) or set(claims) - {"scale"} or not isinstance(claims.get("scale", []), list):
        raise FeatureError("claims are written {scale: [names of features]}", field="invariant")
    for name in claims.get("scale", []):
        if name not in words.get("features", {}):
            raise FeatureError(f"there is no feature {name!r} to be free of scale", field="invariant", hint="name a line of features")
    return frozenset(claims.get("scale", []))


def _enough(events: Events, last: str | None = None) -> Events:
    if len(main(events)) < _FEWEST:
        raise FeatureError(f"{len(main(events))} rows are too few to try the laws on", hint="give some hundreds")
    return ready(events, last)


def _verdict(name: str, broken: Iterable[Break], warmup: int, after: Any, remark: str) -> Verdict:
    own = tuple(each for each in broken if each.feature in (name, ROWS))
    return Verdict(name, own, warmup, float(np.isfinite(after).mean()) if len(after) else 0.0, remark)


def _longest(events: Events) -> Events:
    """The longest run of rows of one session and segment; for bars also without a missing one. Other streams are cut to the same time."""
    rows = main(events)
    columns = ["session_id", "segment_id", *(["interval"] if "interval" in rows.columns else [])]
    begins = np.zeros(len(rows), bool)
    for name in columns:
        values = rows[name].to_numpy()
        begins[1:] |= values[1:] != values[:-1]
    if "interval" in rows.columns:
        begins[1:] |= np.diff(rows["ts"].to_numpy()) != rows["interval"].to_numpy()[1:]
    starts = np.flatnonzero(np.concatenate([[True], begins[1:]]))
    lengths = np.diff(np.append(starts, len(rows)))
    at = int(np.argmax(lengths))
    found = rows[int(starts[at]) : int(starts[at] + lengths[at])]
    if isinstance(events, pl.DataFrame):
        return found
    inside = pl.col("ts").is_between(found["ts"][0], found["ts"][-1])
    return {name: frame.filter(inside) for name, frame in events.items()} | {list(events)[-1]: found}
