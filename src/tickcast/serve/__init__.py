"""Live events in, forecasts out, with the numbers of research."""

from tickcast.serve.client import Client
from tickcast.serve.predictor import Predictor
from tickcast.serve.server import Server, run

__all__ = ["Client", "Predictor", "Server", "run"]
