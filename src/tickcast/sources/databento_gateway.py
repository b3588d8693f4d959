"""Databento's historical service over HTTP: questions answered in JSON and streams of DBN, asked again where that may help.

Requests are those of Databento's own client (`/v0/<family>.<method>`, basic authentication with the key). That client is not used: it makes
one attempt, leaves a half-written file behind, does not see a body that was cut off, and brings pandas and aiohttp along.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import numpy as np

from tickcast.errors import ConfigError, ProviderRefused, ProviderUnavailable
from tickcast.sources.databento_key import Key

if TYPE_CHECKING:
    import httpx

__all__ = ["URL", "Gateway", "Patience"]

URL = "https://hist.databento.com"
_T = TypeVar("_T")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_JSON_LIMIT = 64 << 20
_WAITS = (408, 425, 429)
_REASONS: Mapping[int, str] = {401: "the key is not known", 402: "the account has no payment", 403: "the key may not do this"}


@dataclass(frozen=True)
class Patience:
    """How long the service is waited for, in seconds.

    Parameters
    ----------
    connect: until it takes the connection. read: until the next byte comes.
    grace, slowest: after `grace` a body must have come at `slowest` bytes a second or more.
    tries: attempts in all. first, longest: the wait after the first failure, doubled each time, and the longest one.
    """

    connect: float = 15.0
    read: float = 60.0
    grace: float = 120.0
    slowest: float = 1024.0
    tries: int = 6
    first: float = 1.0
    longest: float = 120.0


class _AskedToWait(ProviderUnavailable):
    """The service says when to come back."""

    seconds: float = 0.0


class Gateway:
    """One service, asked with one key.

    Parameters
    ----------
    key: gives the key when it is first needed.
    url: https, or http on this machine.
    patience: see `Patience`. sleep, clock: seconds; tests pass their own.

    Raises ConfigError for another url.
    """

    def __init__(
        self,
        key: Callable[[], Key],
        *,
        url: str = URL,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in ("http", "https") or (parts.scheme == "http" and parts.hostname not in _LOOPBACK):
            raise ConfigError(f"{url!r} is no address for a key", field="url", hint=f"use https, as {URL}")
        self.url, self.patience = url.rstrip("/"), patience or Patience()
        self._key, self._sleep, self._clock = key, sleep, clock
        self._chance = np.random.default_rng([os.getpid(), id(self) & 0xFFFF_FFFF])

    def ask(self, method: str, words: Mapping[str, str], *, get: bool = False) -> Any:
        """The JSON answer of `metadata.get_cost` and its like. Raises ProviderRefused or ProviderUnavailable."""

        def once() -> Any:
            with self._answer(method, words, get=get) as (response, blocks):
                content = bytearray()
                for block in blocks:
                    content += block
                    if len(content) > _JSON_LIMIT:
                        raise ProviderUnavailable(f"{method} answers more than {_JSON_LIMIT} bytes", file=self.url)
                try:
                    return json.loads(bytes(content))
                except ValueError:
                    raise ProviderUnavailable(self._strange(method, response), file=self.url) from None

        return self.patiently(once)

    def stream(self, words: Mapping[str, str], taken: Callable[[Iterator[bytes]], _T]) -> _T:
        """What `taken` makes of the bytes of `timeseries.get_range`; asked again when it, or the way here, raises ProviderUnavailable."""

        def once() -> _T:
            with self._answer("timeseries.get_range", words) as (response, blocks):
                if "html" in response.headers.get("content-type", "") or "json" in response.headers.get("content-type", ""):
                    raise ProviderUnavailable(self._strange("timeseries.get_range", response), file=self.url)
                return taken(blocks)

        return self.patiently(once)

    def patiently(self, attempt: Callable[[], _T]) -> _T:
        """The answer of the first attempt that gives one; between two of them it waits longer each time, by a random part of the wait."""
        wait = self.patience.first
        for tried in range(1, self.patience.tries + 1):
            try:
                return attempt()
            except ProviderUnavailable as error:
                asked = error.seconds if isinstance(error, _AskedToWait) else 0.0
                if tried == self.patience.tries or asked > self.patience.longest:
                    told = f"{error.message}; {tried} attempt{'s' if tried > 1 else ''}"
                    raise ProviderUnavailable(told, file=error.file, field=error.field, hint="try again later") from None
            self._sleep(max(asked, wait * (0.5 + 0.5 * float(self._chance.random()))))
            wait = min(2 * wait, self.patience.longest)
        raise ConfigError(f"{self.patience.tries} attempts are none", field="tries")

    @cached_property
    def _client(self) -> httpx.Client:
        try:
            import httpx
        except ModuleNotFoundError:
            told = "Databento's service is asked with httpx, which is absent"
            raise ConfigError(told, hint="install it: pip install 'tickcast[databento]'") from None
        return httpx.Client(timeout=httpx.Timeout(self.patience.read, connect=self.patience.connect), follow_redirects=False)

    @contextmanager
    def _answer(self, method: str, words: Mapping[str, str], *, get: bool = False) -> Iterator[tuple[httpx.Response, Iterator[bytes]]]:
        """The response and its bytes. Errors of the network and of the service are raised as ours, without the key."""
        client, key = self._client, self._key()  # the first tells where httpx is absent
        import httpx

        place = f"{self.url}/v0/{method}"
        said = {"params": dict(words)} if get else {"data": dict(words)}
        identity = {"accept-encoding": "identity"}
        try:
            with client.stream("GET" if get else "POST", place, **said, headers=identity, auth=(key.text, "")) as response:  # type: ignore[arg-type]
                self._judge(method, response, key)
                yield response, self._blocks(method, response)
        except httpx.TimeoutException:
            raise ProviderUnavailable(f"{method} is silent for {self.patience.read:g} s", file=self.url) from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            told = key.hidden(str(error)) or type(error).__name__
            raise ProviderUnavailable(f"{method} breaks off: {told}", file=self.url) from None

    def _blocks(self, method: str, response: httpx.Response) -> Iterator[bytes]:
        begun, got = self._clock(), 0
        for block in response.iter_raw():
            got += len(block)
            passed = self._clock() - begun
            if passed > self.patience.grace and got < passed * self.patience.slowest:
                raise ProviderUnavailable(f"{method} gives {got / passed:.0f} bytes a second", file=self.url)
            yield block

    def _judge(self, method: str, response: httpx.Response, key: Key) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status in _WAITS or status >= 500:
            error = _AskedToWait(f"{method} answers {status}", file=self.url)
            error.seconds = _seconds(response)
            raise error
        told = _REASONS.get(status) or f"{status} {key.hidden(_detail(response))}".strip()
        hint = "see the key's page in the portal" if status in _REASONS else "check dataset, schema, symbols and dates"
        raise ProviderRefused(f"{method} is refused: {told}", file=self.url, hint=hint)

    def _strange(self, method: str, response: httpx.Response) -> str:
        return f"{method} answers {response.headers.get('content-type', 'nothing known')}, not what was asked for"


def _seconds(response: httpx.Response) -> float:
    """What `Retry-After` asks for, as seconds or as a date against the server's own clock; 0 where it says nothing."""
    told = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        try:
            then, now = (parsedate_to_datetime(text) for text in (told, response.headers.get("date", "")))
        except (ValueError, TypeError):
            return 0.0
        return max(0.0, (_aware(then) - _aware(now)).total_seconds())


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.astimezone()


def _detail(response: httpx.Response) -> str:
    """What the service says of its refusal, on one line."""
    content = bytearray()
    for block in response.iter_raw():
        content += block
        if len(content) > 1 << 16:
            break
    try:
        detail = json.loads(bytes(content)).get("detail", "")
    except (ValueError, AttributeError):
        return ""
    text = f"{detail.get('case', '')}: {detail.get('message', '')}" if isinstance(detail, dict) else str(detail)
    return " ".join(text.split())[:300]
