"""From contracts to one series: roll schedules and the series that follow them."""

from tickcast.rolls.by_open_interest import schedule_by_open_interest
from tickcast.rolls.by_volume import schedule_by_instrument, schedule_by_volume
from tickcast.rolls.contracts import expiry_month, outright_pattern
from tickcast.rolls.keep import KeptSchedule, keep, kept
from tickcast.rolls.rules import schedule_by
from tickcast.rolls.schedule import Roll, RollSchedule, Rule
from tickcast.rolls.series import continuous, follow_feed, spliced

__all__ = [
    "KeptSchedule",
    "Roll",
    "RollSchedule",
    "Rule",
    "continuous",
    "expiry_month",
    "follow_feed",
    "keep",
    "kept",
    "outright_pattern",
    "schedule_by",
    "schedule_by_instrument",
    "schedule_by_open_interest",
    "schedule_by_volume",
    "spliced",
]
