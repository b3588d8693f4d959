"""Addresses of server stores: `questdb://127.0.0.1:8812/NAME?http=9000&user=tickcast&password=FILE`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tickcast.errors import ConfigError
from tickcast.store.base import Backend

__all__ = ["PASSWORD_VARIABLE", "QuestAddress", "questdb"]

PASSWORD_VARIABLE = "TICKCAST_QUESTDB_PASSWORD"
"""Environment variable that is asked for the password when the address names no file."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HINT = "write questdb://127.0.0.1:8812/NAME?http=9000&user=USER&password=FILE, as `make questdb` prints it"


@dataclass(frozen=True)
class QuestAddress:
    """Where a QuestDB server listens and which of its datasets is meant.

    Parameters
    ----------
    name: the dataset: small letters and digits, a letter first. Its tables are called NAME_trades, NAME_bars, ...
    pg, http: ports of reading (PostgreSQL's protocol) and of writing (ILP over HTTP).
    user, password: of both; the password never shows in a message.
    secret: file that holds the password, None where it came from the environment.
    host: a loopback address: neither protocol is encrypted.
    """

    name: str
    pg: int
    http: int
    user: str
    password: str = field(repr=False)
    secret: Path | None = None
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        if self.host not in _LOOPBACK:
            hint = "use 127.0.0.1; a server elsewhere is reached through a tunnel that ends here"
            raise ConfigError(f"{self.host} is not this machine, and the connection would carry the password in the clear", hint=hint)
        if not re.fullmatch(r"[a-z][a-z0-9]{0,31}", self.name):
            raise ConfigError(f"{self.name!r} is no name of a dataset", hint="small letters and digits, a letter first, at most 32")
        if self.password in ("", "quest"):
            found = "QuestDB's default password" if self.password else "an empty password"
            hint = "set pg.password and http.password in the server's conf/server.conf, or let `make questdb` make one"
            raise ConfigError(f"{self}: {found} is refused", hint=hint)

    def __str__(self) -> str:
        asked = f"http={self.http}&user={self.user}" + (f"&password={self.secret}" if self.secret is not None else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"questdb://{host}:{self.pg}/{self.name}?{asked}"

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] | None = None) -> QuestAddress:
        """The address that `text` writes; the password is the first line of the file it names, or PASSWORD_VARIABLE's value.

        Raises ConfigError for an address that cannot be understood, a host that is not this machine, a default or missing password.
        """
        if "@" in text.partition("password=")[0]:
            hint = f"name a file that only you can read with password=FILE, or set {PASSWORD_VARIABLE}"
            raise ConfigError(f"{_without_secrets(text)}: passwords in addresses end up in logs and are not taken", hint=hint)
        try:
            parts = urlsplit(text)
            asked = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            pg, http = parts.port if parts.port is not None else 8812, int(asked.get("http", "9000"))
        except ValueError:
            raise ConfigError(f"{_without_secrets(text)}: a port is no number, or a host no name", hint=_HINT) from None
        if parts.scheme != "questdb" or not set(asked) <= {"http", "user", "password"} or parts.fragment:
            raise ConfigError(f"no address of a server store: {_without_secrets(text)}", hint=_HINT)
        secret = Path(asked["password"]).expanduser() if "password" in asked else None
        password = _password(secret, os.environ if environment is None else environment)
        name = parts.path.strip("/")
        return cls(name, pg, http, asked.get("user", "tickcast"), password, secret, parts.hostname or "127.0.0.1")


def questdb(where: str) -> Backend:
    """The dataset at this address. Raises ConfigError where it is none or the extra `questdb` is missing, StoreError without a server."""
    address = QuestAddress.parse(where)
    try:
        from tickcast.store.quest import Quest
    except ModuleNotFoundError as error:
        raise ConfigError(f"{address} needs the package {error.name}", hint="install it with: pip install 'tickcast[questdb]'") from error
    return Quest(address)


def _password(secret: Path | None, environment: Mapping[str, str]) -> str:
    if secret is None:
        found = environment.get(PASSWORD_VARIABLE)
        if found is None:
            raise ConfigError("no password for the QuestDB server", hint=f"add password=FILE to its address, or set {PASSWORD_VARIABLE}")
        return found
    try:
        if secret.stat().st_mode & 0o077:
            raise ConfigError("others may read this password", file=secret, hint=f"chmod 600 {secret}")
        return secret.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        named = secret if len(secret.parts) > 1 else None  # a bare word may be the password itself
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        hint = "name the file that `make questdb` wrote"
        raise ConfigError(f"the password cannot be read: {why}", file=named, hint=hint) from None


def _without_secrets(text: str) -> str:
    """The address as far as no password can stand there, however wrong it is."""
    scheme, _, rest = text.partition("://")
    place, mark, _ = rest.partition("?")
    return f"{scheme}://{'…' if '@' in text else place}" + ("?…" if mark else "")
