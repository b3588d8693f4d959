"""`tickcast serve`: a bundle behind HTTP and WebSocket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from tickcast.cli.terminal import Terminal
from tickcast.errors import ConfigError

__all__ = ["serve"]


def serve(
    bundle: Path,
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8765,
    token_file: Path | None = None,
    name: tuple[str, ...] = (),
    json: bool = False,
) -> None:
    """Serve a bundle until SIGINT or SIGTERM: POST /v1/events, GET /v1/forecast, WebSocket /v1/stream, /live, /ready, /metrics.

    For example:

    tickcast serve runs/nq-5m-1a2b3c4d/bundle

    tickcast serve my-bundle --host 0.0.0.0 --port 9000 --token-file token.txt

    Parameters
    ----------
    bundle
        The bundle's folder; it is verified and replayed before anything listens.
    host
        IP address to listen on; anything but loopback needs --token-file, and then reading needs the token too.
    port
        Port to listen on; 0 takes a free one.
    token_file
        File holding the token (16 characters at least) that requests carry as "Authorization: Bearer TOKEN". Without it a token is
        made up and shown.
    name
        A further host name under which clients may ask; may be given several times.
    json
        Write address and token as one JSON value once it listens.
    """
    from tickcast.serve import Server, run

    terminal = Terminal(as_json=json)
    token = None if token_file is None else _token(token_file)

    def started(server: Server) -> None:
        value = {"url": server.url} | ({"token": server.token} if token is None else {})
        made_up = "" if token is not None else f"\ntoken: {server.token}"
        terminal.answer(value, f"listening on {server.url}{made_up}\nend with Ctrl-C")

    run(bundle, host=host, port=port, token=token, names=name, started=started)


def _token(path: Path) -> str:
    """The token in a file, without the line end. Raises ConfigError."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=path, field="token") from None
    if not token:
        raise ConfigError("is empty", file=path, field="token", hint="write 16 characters or more into it")
    return token
