"""The key to Databento's service: from the environment or a private file, never in a text that anybody reads."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tickcast.errors import ProviderRefused

__all__ = ["KEY_FILE", "VARIABLE", "Key"]

VARIABLE = "DATABENTO_API_KEY"
KEY_FILE = "databento.key"
"""Looked for in the working folder, then in `~/.config/tickcast`."""
_HINT = f"set {VARIABLE}, or write the key into {KEY_FILE} (chmod 600, ignored by git)"


class Key:
    """A secret that shows as stars. `text` is what the service asks for."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if not self.text.isascii() or not self.text.isprintable() or not 8 <= len(self.text) <= 128 or " " in self.text:
            raise ProviderRefused("the Databento key is no key", hint="copy it again from the portal: db- and 29 letters or digits")

    def __repr__(self) -> str:
        return "Key(***)"

    def hidden(self, text: str) -> str:
        """`text` without the key, plain or as it travels."""
        packed = base64.b64encode(f"{self.text}:".encode()).decode()
        return text.replace(self.text, "***").replace(packed, "***")

    @classmethod
    def find(cls, file: Path | None = None, environment: Mapping[str, str] = os.environ) -> Key:
        """The key in `file` where one is named, else in `DATABENTO_API_KEY`, else in `databento.key` here or in `~/.config/tickcast`.

        Raises ProviderRefused where there is none, or where its file may be read by others or would be committed to git.
        """
        if file is None and environment.get(VARIABLE, "").strip():
            return cls(environment[VARIABLE])
        places = [file] if file is not None else [Path(KEY_FILE), Path.home() / ".config" / "tickcast" / KEY_FILE]
        for place in places:
            if place.is_file():
                return cls(_private(place))
        raise ProviderRefused("there is no Databento key", file=file, hint=_HINT)


def _private(place: Path) -> str:
    if place.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ProviderRefused("others may read the key in it", file=place, hint=f"chmod 600 {place}")
    inside = any((folder / ".git").exists() for folder in place.resolve().parents)
    if inside and not _ignored(place):
        raise ProviderRefused("git does not ignore this key", file=place, hint=f"add {place.name} to .gitignore")
    try:
        return place.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderRefused(f"the key cannot be read: {type(error).__name__}", file=place, hint=_HINT) from None


def _ignored(place: Path) -> bool:
    try:
        command, folder = ["git", "check-ignore", "-q", "--", str(place.resolve())], place.resolve().parent
        asked = subprocess.run(command, cwd=folder, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):  # without git nothing can be committed
        return True
    return asked.returncode == 0
