"""Build: forecasters from their settings, and back from their folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tickcast import models, scales
from tickcast.config import Experiment, ForecasterConfig
from tickcast.errors import BundleError, ConfigError
from tickcast.lifecycle.describe import Described, feature_names
from tickcast.models import CLASSICAL, Forecaster
from tickcast.models.onnx_network import OnnxNetwork
from tickcast.scales import Scale

__all__ = ["build_forecaster", "load_forecaster", "longest_window"]


def _scale(config: ForecasterConfig, sets: dict[str, tuple[str, ...]], seed: int) -> Scale | None:
    if config.scale is None:
        return None
    options = dict(config.scale.options)
    if config.scale.kind == "trees":
        options.setdefault("seed", seed)
    names = feature_names(config.scale.features, sets) if config.scale.kind not in ("unit", "ticks") else ()
    return scales.build(config.scale.kind, names, options)


def build_forecaster(
    name: str,
    config: ForecasterConfig,
    described: Described,
    folder: Path,
    *,
    seed: int,
    progress: Callable[[str, float], None],
) -> Forecaster:
    """The unfitted forecaster `name`; a network keeps its checkpoints in `folder` and tells `progress` its epoch and loss.

    Raises ConfigError naming the option at fault.
    """
    scale = _scale(config, described.sets, seed)
    if config.kind in CLASSICAL:
        return models.build(config.kind, scale, config.options)
    from tickcast import train  # torch comes with the [train] extra only

    if config.kind not in train.NETWORKS:
        known = ", ".join((*CLASSICAL, *train.NETWORKS))
        raise ConfigError(f"unknown kind {config.kind!r}", field=f"forecasters.{name}.kind", hint=f"known kinds: {known}")

    def told(at: train.Progress) -> None:
        score = f", validation {at.score:.4f}" if at.epoch > 1 else ""
        progress(f"epoch {at.epoch} of {at.epochs}{score}", at.update / max(1, at.updates))

    columns = feature_names(config.features, described.sets)
    options = {**config.options, "training": {"seed": seed, **(config.options.get("training") or {})}}
    return train.build(config.kind, scale, columns, options, folder, told)


def load_forecaster(folder: Path) -> Forecaster:
    """The forecaster saved in `folder`, as it is served: networks through ONNX Runtime, without torch."""
    try:
        model = json.loads((folder / "model.json").read_text())
        kind = model["forecaster"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"no forecaster can be read: {error}", file=folder) from None
    return models.load(folder, kind) if kind in CLASSICAL else OnnxNetwork.load(folder)


def longest_window(experiment: Experiment) -> int:
    """Rows that the widest window model of the experiment reads; all forecasters are judged on rows that have so many before them."""
    windows = [1]
    for config in experiment.forecasters.values():
        if config.kind not in CLASSICAL:
            from tickcast import train

            # an untrained network knows its window; its scale and features do not matter
            if config.kind in train.NETWORKS:
                windows.append(train.build(config.kind, scales.Unit(), ("x",), config.options).spec.window)
    return max(windows)
