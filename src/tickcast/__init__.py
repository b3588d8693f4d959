"""Market events in, calibrated probability forecasts out; the same number in research and live."""

from tickcast.errors import TickcastError
from tickcast.forecast import Forecast

__all__ = ["Forecast", "TickcastError", "__version__"]

__version__ = "0.1.0"
