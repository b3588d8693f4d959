"""The live recorder: subscribe, normalise, drop repeats, commit, reconnect."""

from __future__ import annotations

from tickcast.record.backoff import Backoff
from tickcast.record.earlier import EarlierRows
from tickcast.record.gaps import open_gaps
from tickcast.record.intake import Intake, Taken
from tickcast.record.recorder import Recorder, RecordSettings, Status, Tell
from tickcast.record.repeats import whole_stamps

__all__ = ["Backoff", "EarlierRows", "Intake", "RecordSettings", "Recorder", "Status", "Taken", "Tell", "open_gaps", "whole_stamps"]
