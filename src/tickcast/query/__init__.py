"""Read-only SQL over a store: one SELECT, in a process of its own that reaches no file, no network and no Python."""

from tickcast.query.limits import Limits
from tickcast.query.query import Answer, query

__all__ = ["Answer", "Limits", "query"]
