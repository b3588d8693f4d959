from collections.abc import Sequence
from os import PathLike

import numpy as np
from numpy.typing import NDArray

_LiveRow = tuple[int, int, int, float, list[float]]

__version__: str

class Engine:
    """Evaluates one feature graph over its streams."""

    inputs: tuple[str, ...]
    names: tuple[str, ...]
    def __new__(cls, graph: str) -> Engine: ...
    def batch(
        self,
        ts: NDArray[np.int64],
        session: NDArray[np.int64],
        segment: NDArray[np.int64],
        columns: Sequence[NDArray[np.float64]],
        until: int | None = None,
        sides: Sequence[tuple[NDArray[np.int64], Sequence[NDArray[np.float64]]]] = ...,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]: ...
    def push(self, ts: int, session: int, segment: int, values: Sequence[float], stream: int = 0) -> list[_LiveRow]: ...
    def advance(self, ts: int) -> list[_LiveRow]: ...
    def clear(self) -> None: ...
    def save(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...

_BookRows = tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], tuple[int, str] | None]
_OrderMessages = tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

class Book:
    """The order book of one instrument, and rows of its first levels."""

    events: int
    orders: int
    now: int
    def __new__(cls, levels: int, every: str, step: int = 0, depth: int = 0, opens: int | None = None) -> Book: ...
    def apply(
        self,
        ts: NDArray[np.int64],
        kind: NDArray[np.uint8],
        id: NDArray[np.int64],
        side: NDArray[np.int8],
        price: NDArray[np.int64],
        size: NDArray[np.int64],
        flags: NDArray[np.uint8],
        strict: bool,
    ) -> _BookRows: ...
    def apply_mbo(self, bytes: NDArray[np.uint8], strict: bool) -> _BookRows: ...
    def lives_mbo(self, bytes: NDArray[np.uint8]) -> _OrderMessages: ...
    def advance(self, ts: int) -> _BookRows: ...
    def update(self, ts: int, kind: int, id: int, side: int, price: int, size: int, flags: int) -> str | None: ...
    def bids(self, n: int) -> list[tuple[float, int | None, int]]: ...
    def asks(self, n: int) -> list[tuple[float, int | None, int]]: ...
    def queue(self, id: int) -> tuple[int, float, int, int, int, int, int | None] | None: ...
    def troubles(self) -> list[tuple[str, int, int]]: ...
    def refusals(self) -> list[tuple[int, str]]: ...
    def save(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...

class BarSampler:
    """Tells of each trade whether it ends its bar; remembers from one call to the next."""

    def __new__(cls, measure: str, limit: float, expectation: tuple[float, float, float, int, int] | None = None) -> BarSampler: ...
    def take(
        self,
        price: NDArray[np.float64],
        size: NDArray[np.float64],
        side: NDArray[np.int8],
        stretch: NDArray[np.int64],
        segment: NDArray[np.int64],
    ) -> NDArray[np.bool_]: ...

class LastRows:
    """The last row of each symbol; readers never wait for a writer."""

    def __new__(cls, symbols: Sequence[str], ttl: Sequence[int]) -> LastRows: ...
    def put(self, place: int, ts: int, session: int, segment: int, price: float, values: NDArray[np.float64]) -> None: ...
    def read(self, place: int, now: int) -> tuple[int, int, int, float, NDArray[np.float64], int] | None: ...

def gather_windows(values: NDArray[np.float32], ends: NDArray[np.int64], length: int) -> NDArray[np.float32]: ...
def gather_windows_into(values: NDArray[np.float32], ends: NDArray[np.int64], length: int, out: NDArray[np.float32]) -> None: ...

_Column = NDArray[np.float64]

def implied_volatility(
    price: _Column, forward: _Column, strike: _Column, years: _Column, discount: _Column, side: _Column
) -> NDArray[np.float64]: ...
def option_greeks(
    forward: _Column,
    strike: _Column,
    years: _Column,
    discount: _Column,
    side: _Column,
    volatility: _Column,
    spot: _Column | None = None,
) -> NDArray[np.float64]: ...
def option_surface(
    ts: NDArray[np.int64],
    expiry: NDArray[np.int64],
    values: Sequence[_Column],
    at: NDArray[np.int64],
    max_age: int,
    rules: tuple[float, float, bool],
) -> NDArray[np.float64]: ...
def option_chain(
    ts: NDArray[np.int64], expiry: NDArray[np.int64], values: Sequence[_Column], rules: tuple[float, float, bool]
) -> NDArray[np.float64]: ...
def option_troubles() -> list[tuple[int, str]]: ...

_Forecasts = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

class Predictor:
    """Forecasts of one bundle for any number of symbols."""

    hash: str
    horizons: list[str]
    unit: str
    inputs: list[str]
    law: tuple[str, list[list[float]], bool]
    def __new__(cls, folder: str | PathLike[str], onnxruntime: str | PathLike[str]) -> Predictor: ...
    def update(self, event: str) -> int: ...
    def advance(self, symbol: str, ts: int) -> int: ...
    def predict(self, symbol: str) -> tuple[int, int, int, float, _Forecasts]: ...
    def run(
        self,
        symbol: str,
        ts: NDArray[np.int64],
        segment: NDArray[np.int64],
        columns: Sequence[NDArray[np.float64]],
        until: int | None = None,
    ) -> _Forecasts: ...
    def clear(self) -> None: ...
    def save(self) -> str: ...
    def restore(self, saved: str) -> None: ...

class Server:
    """Serves one bundle until `stop`."""

    address: tuple[str, int]
    def __new__(
        cls,
        folder: str | PathLike[str],
        onnxruntime: str | PathLike[str],
        host: str,
        port: int,
        token: str,
        names: Sequence[str] = (),
        patience: float = 5.0,
    ) -> Server: ...
    def load(self, folder: str | PathLike[str]) -> tuple[str, str, str]: ...
    def stop(self) -> None: ...

_Bits = NDArray[np.uint64]

def row_hashes(columns: Sequence[tuple[str, NDArray[np.generic] | int, NDArray[np.bool_] | None]], count: int) -> _Bits: ...
def text_hashes(texts: Sequence[str]) -> list[int]: ...
def float_lattice(values: NDArray[np.float64]) -> tuple[NDArray[np.int32] | NDArray[np.int64], int, float] | None: ...
def int_lattice(values: NDArray[np.int64]) -> tuple[NDArray[np.int32] | NDArray[np.int64], int, int] | None: ...
def floats_of(places: NDArray[np.int32] | NDArray[np.int64], step: int, divisor: float, out: NDArray[np.float64]) -> None: ...
def ints_of(places: NDArray[np.int32] | NDArray[np.int64], step: int, start: int, out: NDArray[np.int64]) -> None: ...
