"""A client of the server: standard library only, one connection kept alive."""

from __future__ import annotations

import http.client
import json
import select
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

from tickcast.errors import ServeError

__all__ = ["Client"]


class Client:
    """Events out, forecasts in. Not for several threads at once.

    Parameters
    ----------
    url: as the server shows it, `http://127.0.0.1:8765`.
    token: what the server was started with.
    timeout: seconds to wait for an answer.

    Every method raises ServeError with the server's reason, row and field, or when the server cannot be reached.
    """

    def __init__(self, url: str, token: str, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ServeError(f"{url!r} is no address of a server", field="url", hint="give it as the server shows it")
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, events: Sequence[Mapping[str, object]]) -> int:
        """Send events: all are taken in, or none. Returns how many forecasts they made known."""
        try:
            body = json.dumps([dict(event) for event in events], allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ServeError(f"events that are no JSON: {error}", hint="give plain finite numbers and text") from None
        return int(self._ask("POST", "/v1/events", body)["forecasts"])

    def forecast(self, symbol: str = "", full: bool = False) -> dict[str, Any]:
        """The latest forecast; with `full` the law of z and its scale too. ServeError says why there is none."""
        return self._ask("GET", f"/v1/forecast?symbol={quote(symbol, safe='')}&full={int(full)}")

    def load(self, folder: str | Path) -> dict[str, Any]:
        """Let the bundle in `folder`, a path on the server's machine, serve from now on; says what was `kept`."""
        return self._ask("POST", "/v1/bundle", json.dumps({"folder": str(Path(folder).absolute())}), 300.0)

    def close(self) -> None:
        """Hang up. The next call dials again."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: str | None = None, timeout: float | None = None) -> dict[str, Any]:
        link = self._connection
        try:
            if link.sock is not None and select.select([link.sock], [], [], 0)[0]:
                link.close()  # an idle connection that the server has ended; nothing has been sent on it
            if link.sock is None:
                link.connect()
            link.sock.settimeout(timeout or link.timeout)
            link.request(method, path, body, self._headers)
            response = link.getresponse()
            status, answer = response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            link.close()
            raise ServeError(f"{self._url} gave no answer: {error}", hint="check that the server runs") from None
        if status != 200:
            raise ServeError(f"{answer.get('reason')}: {answer.get('message')}", row=answer.get("row"), field=answer.get("field"))
        made: dict[str, Any] = answer
        return made
