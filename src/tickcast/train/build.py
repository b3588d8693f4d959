"""Every forecaster by name, classical and network, built from what a configuration says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tickcast import models
from tickcast.errors import ConfigError
from tickcast.heads import BucketOptions, LatticeGrid, QuantileOptions
from tickcast.losses import LOSSES, Loss, Pinball, SoftCrossEntropy
from tickcast.models.base import Forecaster
from tickcast.models.gru import GruOptions
from tickcast.models.price_transformer import PriceTransformerOptions
from tickcast.scales import Scale
from tickcast.scales.options import construct
from tickcast.train.network import Network
from tickcast.train.options import Progress, TrainingOptions

__all__ = ["FORECASTERS", "NETWORKS", "NetworkKind", "build"]


@dataclass(frozen=True)
class NetworkKind:
    """A backbone and a head that a configuration calls by one name, with the training they need when nothing else is said."""

    backbone: type[GruOptions] | type[PriceTransformerOptions]
    head: type[BucketOptions] | type[QuantileOptions]
    training: TrainingOptions


_STREAM = TrainingOptions(epochs=12, batch=32, chunk=64, lr=1e-3)
_WINDOW = TrainingOptions(epochs=10, batch=128, lr=3e-4, rows_per_epoch=40_000, patience=3)
NETWORKS: Mapping[str, NetworkKind] = {
    "gru_buckets": NetworkKind(GruOptions, BucketOptions, _STREAM),
    "gru_quantiles": NetworkKind(GruOptions, QuantileOptions, _STREAM),
    "price_transformer_buckets": NetworkKind(PriceTransformerOptions, BucketOptions, _WINDOW),
    "price_transformer_quantiles": NetworkKind(PriceTransformerOptions, QuantileOptions, _WINDOW),
}
FORECASTERS: tuple[str, ...] = (*models.CLASSICAL, *NETWORKS)


def build(
    kind: str,
    scale: Scale | None,
    columns: tuple[str, ...],
    options: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Forecaster:
    """The unfitted forecaster called `kind` under `scale`.

    For a network `options` may hold "backbone", "head" and "training", each a mapping of that part's fields, and "loss", a name in
    `tickcast.losses.LOSSES` or a mapping of it to its fields; `columns` are its features.
    For a classical forecaster they are its constructor's arguments. Raises ConfigError for an unknown name or value.
    """
    if kind not in NETWORKS:
        if kind not in models.CLASSICAL:
            raise ConfigError(f"unknown forecaster {kind!r}", field="kind", hint=f"known kinds: {', '.join(FORECASTERS)}")
        return models.build(kind, scale, options)
    chosen, given = NETWORKS[kind], dict(options or {})
    unknown = sorted(given.keys() - {"backbone", "head", "loss", "training"})
    if unknown:
        raise ConfigError(f"a network has no option {unknown[0]!r}", field=kind, hint="use backbone, head, loss or training")
    if scale is None:
        raise ConfigError("a network needs a scale", field=kind, hint="name one, as scale: {kind: unit}")
    head = dict(given.get("head") or {})
    if chosen.head is BucketOptions and scale.unit == "ticks":
        head.setdefault("grid", LatticeGrid())
    training = {**asdict(chosen.training), **(given.get("training") or {})}
    try:
        law = TypeAdapter(chosen.head).validate_python(head)
        backbone = TypeAdapter(chosen.backbone).validate_python(dict(given.get("backbone") or {}))
        trained = TypeAdapter(TrainingOptions).validate_python(training)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(first["msg"], field=".".join((kind, *map(str, first["loc"])))) from None
    return Network(backbone, law, _loss(kind, law.output, given.get("loss")), scale, columns, trained, folder, progress)


def _loss(kind: str, output: str, asked: Any) -> Loss:
    """The loss that is asked for, soft cross-entropy or pinball when none is. Raises ConfigError naming the losses there are."""
    if asked is None:
        return SoftCrossEntropy() if output == "buckets" else Pinball()
    named = asked if isinstance(asked, Mapping) and len(asked) == 1 else {asked: {}} if isinstance(asked, str) else {}
    for name, fields in named.items():
        if name in LOSSES:
            maker: Callable[..., Loss] = LOSSES[name]
            return construct(maker, dict(fields or {}), f"{kind}.loss")
    raise ConfigError(f"{asked!r} is no loss", field=f"{kind}.loss", hint=f"use one of {', '.join(LOSSES)}")
