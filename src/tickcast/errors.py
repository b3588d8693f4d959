"""The error tree. Every failure a user can cause or meet is one of these.

TickcastError
├── ConfigError        a configuration file or an argument that cannot be understood
├── DataError          rows that cannot be used
│   ├── SourceError    a vendor's file or answer that cannot be read
│   │   ├── ProviderRefused      a provider that says no: key, permission, request, cost
│   │   └── ProviderUnavailable  a provider that does not answer, or not now
│   └── StoreError     a stored file, ledger or version that is damaged or missing
├── QueryError         a SQL statement that is refused, fails or is stopped at a limit
├── FeatureError       an expression or feature set that cannot be evaluated
│   └── StaleFeature   a feature's last row that is older than its time to live
├── SplitError         rows that cannot be divided into train, valid and test
├── ForecastError      parameters that are no distribution
├── ModelError         a forecaster that cannot be fitted or asked
├── BundleError        a bundle that is damaged, unknown or does not fit its inputs
├── ServeError         the server or predictor cannot start or answer
└── LawBroken          an implementation breaks a law of `tickcast.checks`
"""

from __future__ import annotations

__all__ = [
    "BundleError",
    "ConfigError",
    "DataError",
    "FeatureError",
    "ForecastError",
    "LawBroken",
    "ModelError",
    "ProviderRefused",
    "ProviderUnavailable",
    "QueryError",
    "ServeError",
    "SourceError",
    "SplitError",
    "StaleFeature",
    "StoreError",
    "TickcastError",
]


class TickcastError(Exception):
    """A failure told in one line: where it is, what was found, what to do.

    Parameters
    ----------
    message: what was found, with the offending value.
    file, row, field: where it was found; each is optional. `row` counts from 1, header excluded.
    hint: what the reader should do next.

    >>> str(TickcastError("price is nan", file="a.csv", row=3, field="price", hint="drop the row or name a null value"))
    'a.csv, row 3, field price: price is nan. Drop the row or name a null value.'
    """

    exit_code = 2

    def __init__(
        self, message: str, *, file: object = None, row: int | None = None, field: str | None = None, hint: str | None = None
    ) -> None:
        self.message, self.file, self.row, self.field, self.hint = message, file, row, field, hint
        place = [str(file)] if file is not None else []
        place += [f"row {row}"] if row is not None else []
        place += [f"field {field}"] if field is not None else []
        where = ", ".join(place) + ": " if place else ""
        advice = f". {hint[0].upper()}{hint[1:]}" + ("" if hint[-1] in ".?!" else ".") if hint else ""
        super().__init__(" ".join(f"{where}{message}{advice}".split()))


class ConfigError(TickcastError):
    """A configuration file or an argument that cannot be understood."""


class DataError(TickcastError):
    """Rows that cannot be used."""

    exit_code = 1


class SourceError(DataError):
    """A vendor's file or answer that cannot be read."""


class ProviderRefused(SourceError):
    """A provider says no to the key, the permission or the request: asking again does not help."""


class ProviderUnavailable(SourceError):
    """A provider does not answer, breaks off or asks to wait: asking again later may help."""


class StoreError(DataError):
    """A stored file, ledger or version that is damaged or missing."""


class QueryError(TickcastError):
    """A SQL statement that is refused, fails or is stopped at a limit."""


class FeatureError(TickcastError):
    """An expression or feature set that cannot be evaluated."""


class StaleFeature(FeatureError):
    """A feature's last row is older than its time to live."""

    exit_code = 1


class SplitError(TickcastError):
    """Rows that cannot be divided into train, valid and test."""


class ForecastError(TickcastError):
    """Parameters that are no distribution."""


class ModelError(TickcastError):
    """A forecaster that cannot be fitted or asked."""


class BundleError(TickcastError):
    """A bundle that is damaged, unknown or does not fit its inputs."""


class ServeError(TickcastError):
    """The server or predictor cannot start or answer."""


class LawBroken(TickcastError):
    """An implementation breaks a law of `tickcast.checks`."""

    exit_code = 1
