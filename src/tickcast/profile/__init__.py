"""What a stored table holds: data dictionary, quality report with pictures, and queries to begin with."""

from tickcast.profile.profile import Profile, profile
from tickcast.profile.report import write_profile

__all__ = ["Profile", "profile", "write_profile"]
