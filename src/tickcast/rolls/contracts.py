"""Contract symbols: product, delivery month and year, as America (MGCG1, MGCG21) and China (cu2305, SR305, SHFE.cu2305) write them."""

from __future__ import annotations

import re

from tickcast.clock import day_date
from tickcast.errors import DataError

__all__ = ["MONTHS", "expiry_month", "outright_pattern"]

MONTHS = "FGHJKMNQUVXZ"
"""Month letters, January to December."""
_LETTER_YEAR = rf"[{MONTHS}][0-9]{{1,2}}"
_YEAR_MONTH = r"[0-9]{1,2}(?:0[1-9]|1[0-2])"


def outright_pattern(product: str) -> str:
    """Regular expression of the product's outright contracts; spreads such as MGCG1-MGCJ1 do not match."""
    return rf"^{re.escape(product)}(?:{_LETTER_YEAR}|{_YEAR_MONTH})$"


def expiry_month(symbol: str, product: str, trading_day: int) -> int:
    """Delivery month of a contract traded on `trading_day`, as 12 x year + month - 1.

    One digit names a year in ten, two a year in a hundred; meant is the first such month not before the day, because nothing trades after
    its delivery month. Raises DataError when the symbol is no outright of the product.

    >>> divmod(expiry_month("MGCG1", "MGC", 18617), 12)  # traded on 2020-12-21
    (2021, 1)
    >>> divmod(expiry_month("cu2305", "cu", 19440), 12)
    (2023, 4)
    """
    if re.fullmatch(outright_pattern(product)[1:-1], symbol) is None:
        raise DataError(f"{symbol!r} is no outright contract of {product}", field="symbol")
    tail = symbol[len(product) :]
    digits, month = (tail[1:], MONTHS.index(tail[0])) if tail[0] in MONTHS else (tail[:-2], int(tail[-2:]) - 1)
    period = 100 if len(digits) == 2 else 10
    day = day_date(trading_day)
    first = 12 * day.year + day.month - 1
    named = 12 * (day.year // period * period + int(digits)) + month
    return named if named >= first else named + 12 * period
