"""Live events in, forecasts out, with the numbers of research."""

from tickcast.serve.predictor import Predictor

__all__ = ["Predictor"]
