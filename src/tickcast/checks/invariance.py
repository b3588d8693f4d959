"""Metamorphic laws: whole weeks later nothing changes, twice as dear what claims to be free of scale does not."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from tickcast.checks.differences import Break, differences
from tickcast.checks.events import Events, doubled, later
from tickcast.checks.subject import Computes, computed
from tickcast.clock import DAY
from tickcast.features import FeatureSet
from tickcast.features.reading import in_order, made_rows, near

__all__ = ["calendar_features", "scale_breaks", "week_breaks", "whole_weeks"]

_WEEK = 7 * DAY
_ROUNDING = 1e-9  # share of a feature's range that the logarithm of a doubled price may be off by rounding


def calendar_features(features: FeatureSet) -> frozenset[str]:
    """Features that read a calendar: their zone's clock may change, months differ."""
    graph = features.graph()
    tainted: set[int] = set()
    for i in in_order(graph, (feature["node"] for feature in graph["features"])):
        node = graph["nodes"][i]
        zoned = (made_rows(graph, node) or {}).get("zone") is not None
        if node["op"].startswith(("time_of_day", "day_of_")) or zoned or not tainted.isdisjoint(near(graph, i)):
            tainted.add(i)
    return frozenset(feature["name"] for feature in graph["features"] if feature["node"] in tainted)


def whole_weeks(features: FeatureSet) -> int:
    """The fewest weeks after which the bars and grids of the set begin again where they did: 1, but 5 for bars of 25 minutes."""
    lengths = [axis["ns"] for axis in features.graph()["derived"] if axis["kind"] in ("bars", "every")]
    return math.lcm(1, *(ns // math.gcd(ns, _WEEK) for ns in lengths))


def week_breaks(subject: Computes, events: Events, calendar: Collection[str] = (), weeks: int = 1) -> Iterator[Break]:
    """Every feature outside `calendar` that changes when all stamps move by so many whole weeks."""
    known, again = computed(subject, events), computed(subject, later(events, weeks * _WEEK))
    again = replace(again, ts=again.ts - weeks * _WEEK, session=np.where(again.session == 0, 0, again.session - weeks * _WEEK))
    what = f"all is {weeks} week{'s' if weeks > 1 else ''} later"
    for each in differences("weeks change nothing", what, 0, known, again, slice(0, max(len(known), len(again)))):
        if each.feature not in calendar:
            yield each


def scale_breaks(subject: Computes, events: Events, claimed: Collection[str]) -> Iterator[Break]:
    """Every feature in `claimed` that changes when all prices double by more than rounding (1e-9 of its range; a ratio changes no bit)."""
    known, again = computed(subject, events), computed(subject, doubled(events))
    rows = slice(0, max(len(known), len(again)))
    for each in differences("free of scale", "all prices double", 0, known, replace(again, price=known.price), rows):
        if each.feature and each.feature not in claimed:
            continue
        if each.feature:
            old, new = known.column(each.feature), again.column(each.feature)
            finite = old[np.isfinite(old)]
            reach = _ROUNDING * float(finite.max() - finite.min()) if len(finite) else 0.0
            if (np.isnan(old) == np.isnan(new)).all() and (np.abs(old - new)[np.isfinite(old)] <= reach).all():
                continue
        yield each
