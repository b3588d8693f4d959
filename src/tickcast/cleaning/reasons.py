"""Every reason for which a row is set aside, by name: what is wrong with the row, and which rule says so."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["REASONS", "explain"]

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "a required value is absent or cannot be read",
        "ts_implausible": "the stamp is not between 1970 and 2100",
        "ts_wrong_unit": "the stamp lies in 1970: seconds, milliseconds or microseconds taken for nanoseconds",
        "ts_unreadable": "the time cannot be read",
        "ambiguous_local_time": "the local time came twice, as clocks went back",
        "nonexistent_local_time": "the local time was skipped, as clocks went forward",
        "no_session": "the date is no trading day",
        "time_implausible": "the time of day is not within a day",
        "ts_ahead": "the stamp is later than the clock, or than the rows after it in the file",
        "out_of_order": "the stamp is earlier than that of a row before",
        "duplicate": "the row came already",
        "not_finite": "NaN or an infinity",
        "not_positive": "zero (minus zero too) or negative",
        "negative": "negative",
        "implausible": "beyond any price or quantity, or next to zero",
        "sentinel": "a number that feeds write where they have none, as 999999.99 or the largest of 32 bits",
        "price_undefined": "the feed says that the price is undefined",
        "ohlc_inconsistent": "the high is not the highest of the bar, or the low not the lowest",
        "levels_unsorted": "a deeper level of the book is as good as one above it, or better",
        "levels_gap": "a level of the book is absent above one that is there",
        "levels_missing": "no level of the book has a price",
        "too_many_levels": "the book has more levels than the schema holds",
        "crossed": "the bid is above the offer, in continuous trading",
        "locked": "the bid equals the offer, where the market does not allow it",
        "off_tick": "the price is no multiple of the tick",
        "price_far": "the price is several times, or a fraction of, the price before it",
        "volume_backwards": "the session's cumulative volume falls",
        "stale": "the quote tells of a moment long before its stamp",
        "halted": "the trade is stamped inside a halt",
        "outside_request": "a provider gave it although it lies outside the time that was asked for",
        "published_before_event": "it is stamped as known before it happened",
        "revises_the_past": "it corrects an earlier event than the newest one published, and not what holds now",
        "outside_session": "the stamp lies outside every session of the calendar",
        "symbol_unexpected": "the symbol is none that was asked for",
        "symbol_unmapped": "the feed does not say which symbol its number stands for",
        "side_unknown": "the side is neither +1, -1 nor 0",
        "interval_implausible": "the bar ends before it begins",
        "kind_unknown": "the kind of message is not known",
        "right_unknown": "the option is neither call nor put",
        "expired": "the option has settled before the stamp",
        "condition": "the sale's condition is none of a regular trade",
        "other_exchange": "the row is of another exchange than the one asked for",
        "same_stamp": "the row is merged with the others of its stamp into the last of them",
        "spread_not_positive": "the offer is not above the bid",
        "spread_wide": "the spread is fifty times the day's median or more",
        "outlier": "the middle is far from those around it, measured by the day's median deviation",
        "corrected": "the exchange corrected or cancelled the trade later",
        "flagged_by_vendor": "the vendor marks the row as suspicious",
    }
)


def explain(reason: str) -> str:
    """What a reason says, with the column it names.

    >>> explain("price_not_finite")
    'price: NaN or an infinity'
    >>> explain("crossed")
    'the bid is above the offer, in continuous trading'
    """
    if reason in REASONS:
        return REASONS[reason]
    for kind, text in REASONS.items():
        if reason.endswith(f"_{kind}"):
            return f"{reason.removesuffix(f'_{kind}')}: {text}"
    return reason
