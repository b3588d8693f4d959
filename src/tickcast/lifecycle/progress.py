"""Progress: what a long task is doing and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Progress"]


@dataclass(frozen=True)
class Progress:
    """Tells a listener the step, what is being done in it, and the share of the step that is done (0 to 1)."""

    listener: Callable[[str, str, float], None] | None = None

    def tell(self, step: str, what: str, share: float) -> None:
        """Pass one message on."""
        if self.listener is not None:
            self.listener(step, what, share)

    def within(self, step: str) -> Callable[[str, float], None]:
        """A listener of (what, share) for one step."""
        return lambda what, share: self.tell(step, what, share)
