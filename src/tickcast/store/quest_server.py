"""A QuestDB server of one's own: its folder and configuration, start, stop. Everything listens on this machine only.

The jar is QuestDB's own (Apache-2.0, Maven Central); `make questdb` fetches it, checks it and runs this.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self, final

from tickcast.errors import StoreError
from tickcast.store.quest_address import QuestAddress

__all__ = ["QuestServer"]

_CONFIGURATION = """\
# Written by tickcast at every start. Loopback only, no default password, no telemetry.
http.net.bind.to=127.0.0.1:{http}
http.user={user}
http.password={password}
http.min.enabled=false
pg.net.bind.to=127.0.0.1:{pg}
pg.user={user}
pg.password={password}
pg.readonly.user.enabled=false
line.tcp.enabled=false
line.udp.enabled=false
line.auto.create.new.columns=false
line.auto.create.new.tables=false
telemetry.enabled=false
telemetry.hide.tables=true
cairo.commit.mode={mode}
cairo.writer.data.append.page.size=1M
{more}"""
_LOGGING = """\
# Written by tickcast at every start. A line for each of a commit's steps costs the server a tenth of its time.
writers=stdout
w.stdout.class=io.questdb.log.LogConsoleWriter
w.stdout.level=ADVISORY,ERROR,CRITICAL
"""
_USER = "tickcast"
_FLAGS = ("-XX:+UseParallelGC", "-Xmx1g")


@final
class QuestServer:
    """A server in `root`, made if absent; `jar` is QuestDB's, `java` Java 17 or newer.

    Parameters
    ----------
    pg, http: ports of reading and writing; 0 takes a free one at each start.
    durable: a commit waits until it is on disk; without it, it survives the server's death but not the machine's.
    more: further lines of server.conf.
    token: gives a password; it is asked once per folder.
    clock: seconds, for deadlines.
    """

    def __init__(
        self,
        root: Path,
        jar: Path,
        *,
        pg: int = 0,
        http: int = 0,
        java: str = "java",
        durable: bool = True,
        more: str = "",
        token: Callable[[int], str] = secrets.token_urlsafe,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root, self._jar, self._java, self._token, self._clock = root, jar, java, token, clock
        self._mode, self._more = "sync" if durable else "nosync", more
        self.pg, self.http = pg or _free_port(), http or _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def secret(self) -> Path:
        """The file that holds the password; only its owner can read it."""
        return self.root / "password"

    def address(self, name: str) -> QuestAddress:
        """The address of the dataset `name` in this server."""
        password = self.secret.read_text(encoding="utf-8").strip()
        return QuestAddress(name, self.pg, self.http, _USER, password, self.secret)

    def start(self, timeout: float = 60.0) -> Self:
        """Run it and wait until it answers. Raises StoreError with the last line of its log when it ends or does not answer in time."""
        self._prepare()
        command = [self._java, *_FLAGS, "-p", str(self._jar), "-m", "io.questdb/io.questdb.ServerMain", "-d", str(self.root)]
        deadline = self._clock() + timeout
        try:
            with (self.root / "server.log").open("wb") as log:
                self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError as error:
            raise StoreError(f"{self._java} cannot be run: {error.strerror}", hint="install Java 17 or newer") from error
        while not (_answers(self.pg) and _answers(self.http)):
            ended = self._process.poll() is not None
            if ended or self._clock() > deadline:
                self.kill()
                found = "ended at once" if ended else f"did not answer within {timeout:g} s"
                raise StoreError(f"the QuestDB server {found}: {self._last_words()}", file=self.root, hint="read server.log there")
            time.sleep(0.05)
        return self

    def wait(self) -> int:
        """Wait until it ends; its exit status."""
        return self._process.wait() if self._process is not None else 0

    def stop(self, timeout: float = 20.0) -> None:
        """End it in good order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def _prepare(self) -> None:
        try:
            (self.root / "conf").mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
            if not self.secret.exists():
                _write_private(self.secret, self._token(24) + "\n")
            password = self.secret.read_text(encoding="utf-8").strip()
            text = _CONFIGURATION.format(http=self.http, pg=self.pg, user=_USER, password=password, mode=self._mode, more=self._more)
            _write_private(self.root / "conf" / "server.conf", text)
            _write_private(self.root / "conf" / "log.conf", _LOGGING)
        except OSError as error:
            raise StoreError(f"cannot be used: {error.strerror}", file=self.root, hint="choose a folder you may write") from error

    def _last_words(self) -> str:
        lines = (self.root / "server.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        telling = [line for line in lines if any(word in line for word in ("rror", "xception", "could not", " C "))]
        return (telling or lines or ["its log is empty"])[-1][:300]


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
