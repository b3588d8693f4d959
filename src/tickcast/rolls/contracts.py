"""Contract symbols: product, delivery month and a year of one or two digits."""

from __future__ import annotations

import re
from datetime import date, timedelta

from tickcast.errors import DataError

__all__ = ["MONTHS", "expiry_month", "outright_pattern"]

MONTHS = "FGHJKMNQUVXZ"
"""Month letters, January to December."""


def outright_pattern(product: str) -> str:
    """Regular expression of the product's outright contracts; spreads such as MGCG1-MGCJ1 do not match."""
    return rf"^{re.escape(product)}[{MONTHS}][0-9]{{1,2}}$"


def expiry_month(symbol: str, product: str, trading_day: int) -> int:
    """Delivery month of a contract traded on `trading_day`, as 12 x year + month - 1.

    One digit names a year in ten, two a year in a hundred; meant is the first such month not before the day, because nothing trades after
    its delivery month. Raises DataError when the symbol is no outright of the product.

    >>> divmod(expiry_month("MGCG1", "MGC", 18617), 12)  # traded on 2020-12-21
    (2021, 1)
    """
    if re.fullmatch(outright_pattern(product)[1:-1], symbol) is None:
        raise DataError(f"{symbol!r} is no outright contract of {product}", field="symbol")
    letter, digits = symbol[len(product)], symbol[len(product) + 1 :]
    period = 100 if len(digits) == 2 else 10
    day = date(1970, 1, 1) + timedelta(trading_day)
    first = 12 * day.year + day.month - 1
    month = 12 * (day.year // period * period + int(digits)) + MONTHS.index(letter)
    return month if month >= first else month + 12 * period
