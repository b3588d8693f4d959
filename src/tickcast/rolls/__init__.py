"""From contracts to one series: roll schedules and the series that follow them."""

from tickcast.rolls.by_volume import schedule_by_volume
from tickcast.rolls.contracts import expiry_month
from tickcast.rolls.schedule import Roll, RollSchedule
from tickcast.rolls.series import continuous, spliced

__all__ = ["Roll", "RollSchedule", "continuous", "expiry_month", "schedule_by_volume", "spliced"]
