"""Keeping a store complete and sound: what should be there, what is, asking for the rest, and looking for what is wrong."""

from tickcast.upkeep.audit import Audited, audit
from tickcast.upkeep.damage import DamagedDay, damaged_days
from tickcast.upkeep.day_audit import Finding
from tickcast.upkeep.expected import Family, family
from tickcast.upkeep.fill import Filled, fill, missing_days, ranges_asked
from tickcast.upkeep.instruments import known_contracts, remember
from tickcast.upkeep.states import STATES, day_states, ledger_states, states_of, with_quarantine
from tickcast.upkeep.verify import Holdings, Verified, verify

__all__ = [
    "STATES",
    "Audited",
    "DamagedDay",
    "Family",
    "Filled",
    "Finding",
    "Holdings",
    "Verified",
    "audit",
    "damaged_days",
    "day_states",
    "family",
    "fill",
    "known_contracts",
    "ledger_states",
    "missing_days",
    "ranges_asked",
    "remember",
    "states_of",
    "verify",
    "with_quarantine",
]
