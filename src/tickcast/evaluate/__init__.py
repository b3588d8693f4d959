"""Judging forecasters: scores with intervals, calibration, and one page that shows it all."""

from tickcast.evaluate.evaluation import Evaluation
from tickcast.evaluate.fans import Fan
from tickcast.evaluate.scoring import evaluate

__all__ = ["Evaluation", "Fan", "evaluate"]
