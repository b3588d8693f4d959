"""The live recorder: subscribe, normalise, drop repeats, commit, reconnect."""

from __future__ import annotations

from tickcast.record.backoff import Backoff
from tickcast.record.gaps import open_gaps
from tickcast.record.recorder import Aside, Recorder, RecordSettings, Status, Tell

__all__ = ["Aside", "Backoff", "RecordSettings", "Recorder", "Status", "Tell", "open_gaps"]
