"""Judging forecasters: scores with intervals, calibration, and one page that shows it all."""

from tickcast.evaluate.evaluation import Evaluation
from tickcast.evaluate.facts import ForecasterFacts, RunFacts
from tickcast.evaluate.fans import Fan
from tickcast.evaluate.report import write_report
from tickcast.evaluate.scoring import evaluate

__all__ = ["Evaluation", "Fan", "ForecasterFacts", "RunFacts", "evaluate", "write_report"]
