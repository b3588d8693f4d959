"""From a configuration to a report: the README's example. Takes minutes."""

from pathlib import Path
from time import monotonic

from tickcast.config import Experiment
from tickcast.lifecycle.run import run

experiment = Experiment.load("configs/simulated.yaml")
made = run(experiment, Path("runs"), Path("data/store"), commit="unknown", clock=monotonic)

evaluation = made.evaluation
print("best:", evaluation.best)
for horizon in evaluation.horizons:
    print(horizon, evaluation.score(evaluation.best, horizon, "crps"), "bp")
print("open", made.report)
