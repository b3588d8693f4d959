"""Network: backbone, head, loss and scale, each chosen on its own, as one forecaster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tickcast import scales
from tickcast.errors import ConfigError, ModelError
from tickcast.features.table import FeatureTable
from tickcast.forecast import Forecast
from tickcast.heads.base import Head
from tickcast.heads.buckets import BucketOptions
from tickcast.heads.quantiles import QuantileOptions
from tickcast.losses.base import Loss
from tickcast.losses.cross_entropy import SoftCrossEntropy
from tickcast.losses.pinball import Pinball
from tickcast.models.backbone import Backbone, StreamBackbone, WindowBackbone
from tickcast.models.base import Forecaster, Spec
from tickcast.models.gru import GruOptions
from tickcast.models.model_file import write_model
from tickcast.models.onnx_network import law_of, read_rows, refuse_unready
from tickcast.models.price_transformer import PriceTransformerOptions
from tickcast.scales.base import Scale
from tickcast.train import loop
from tickcast.train.checkpoint import Position, write_weights
from tickcast.train.export import ServedNetwork, export_onnx, parity
from tickcast.train.feed import Feed, StreamFeed, WindowFeed
from tickcast.train.options import Progress, TrainingOptions
from tickcast.train.trust import shrink
from tickcast.views.standardizer import Standardizer
from tickcast.views.view import View
from tickcast.views.windows import eligible

__all__ = ["Network"]

_WARM = 256  # rows that a validation stream reads before its first scored one
_JUDGED = 4  # trust is chosen on so many times the rows that are scored after each epoch


class Network(Forecaster):
    """A network forecasts the law of z = log-return / scale.

    Untrained it forecasts the training law of z, so under a fitted scale it starts from that scale with filtered residual quantiles, and
    the weights of the epoch with the best validation score are kept, shrunk towards the training law as far as each horizon's validation
    score asks for (`trust` holds the shares): it never ends up worse than its start on the validation rows that trust is chosen on.

    Parameters
    ----------
    backbone: `GruOptions` or `PriceTransformerOptions`.
    head: `BucketOptions` or `QuantileOptions`.
    loss: one of `tickcast.losses.LOSSES`, of the head's kind.
    scale: fitted together with the network, on the same training rows.
    columns: features that the network reads, in order.
    training: see `TrainingOptions`.
    folder: for `checkpoint.safetensors`; None trains without checkpoints.
    progress: told after every update; time left follows from its counts.

    Raises ConfigError when head, loss and scale do not fit together.
    """

    def __init__(
        self,
        backbone: GruOptions | PriceTransformerOptions,
        head: BucketOptions | QuantileOptions,
        loss: Loss,
        scale: Scale,
        columns: tuple[str, ...],
        training: TrainingOptions | None = None,
        folder: Path | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        if loss.output != head.output:
            raise ConfigError(f"a loss for {loss.output} does not fit a head of {head.output}", field="loss")
        lattice = isinstance(head, BucketOptions) and head.grid.lattice
        if lattice != (scale.unit == "ticks") and head.output == "buckets":
            raise ConfigError(
                f"grid and scale do not fit: lattice {lattice}, unit {scale.unit}", hint="use a lattice grid with the ticks scale"
            )
        if not columns:
            raise ConfigError("a network needs at least one feature", field="columns")
        self.backbone_options, self.head_options, self.loss, self.scale = backbone, head, loss, scale
        self.columns = tuple(columns)
        self.training = training or TrainingOptions()
        self.position: Position | None = None
        self.trust: tuple[float, ...] = ()
        self._folder, self._progress = folder, progress
        self._horizons: tuple[str, ...] = ()
        self._standardizer: Standardizer | None = None
        self._network: ServedNetwork | None = None

    @property
    def spec(self) -> Spec:
        options = self.backbone_options
        return Spec(
            name=f"{options.name}_{self.head_options.output}",
            family=options.family,
            view=options.view,
            output=self.head_options.output,
            streaming=options.view == "sequence",
            window=options.window,
        )

    def eligible(self, table: FeatureTable, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(m,) rows that can be forecast: a whole window of ready rows in one segment, or one ready row for a stream."""
        return eligible(table, rows, self.spec.window, self.columns)

    def fit(self, train: View, valid: View) -> Self:
        """Learn from `train`, stop by `valid`. Rows that are not eligible are left out. Raises ModelError when none is left."""
        train, valid = (view.take(np.flatnonzero(self.eligible(view.table, view.rows))) for view in (train, valid))
        if not len(train) or not len(valid):
            raise ModelError("no training or no validation row is ready", hint="look at the warm-up of the features and the window")
        self.scale.fit(train, valid)
        self._horizons = train.horizons
        self._standardizer = Standardizer.fit(train.matrix(self.columns))
        values = self._values(train.table)
        z = np.full(train.labels.values.shape, np.nan, np.float32)
        scale = np.ones(z.shape, np.float32)
        for view in (train, valid):
            size = self.scale.evaluate(view)
            z[view.rows], scale[view.rows] = view.outcomes / size, size
        with loop.repeatable(self.training.threads, self.training.seed):
            backbone, head = self._build()
            head.start(z[train.rows].astype(np.float64))
            network = self._assembled(backbone, head)
            task = loop.Task(network, head, self.loss, self._feed(backbone, values, train, self.training),
                        self._feed(backbone, values, self._sample(valid, 1), None),
                        self._feed(backbone, values, self._sample(valid, _JUDGED), None), z, scale, self._digest(values, z))  # fmt: skip
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            checkpoint = None if self._folder is None else self._folder / "checkpoint.safetensors"
            start = head.bias.detach().clone()
            self.position = loop.train(task, self.training, checkpoint, self._progress)
            self.trust = shrink(task, start)
        network.to("cpu").eval()
        return self

    def predict(self, view: View) -> Forecast:
        network, _ = self._fitted()
        refuse_unready(view, self.eligible(view.table, view.rows), self.spec.window)
        values = self._values(view.table)
        backbone, head = network.backbone, network.head
        parts = []
        with loop.repeatable(self.training.threads), torch.no_grad():
            for embedding in self._embeddings(backbone, values, view):
                parts.append(head.domain(head(embedding)).numpy())
        law = np.concatenate(parts).astype(np.float64) if parts else np.zeros((0, head.horizons, head.size))
        return Forecast(self._horizons, law_of(head.law(), law), self.scale.evaluate(view), self.scale.unit)

    def save(self, folder: Path) -> None:
        """Write `model.json`, `model.onnx`, `weights.safetensors` and `network.json`.

        Raises ModelError when ONNX Runtime does not agree with torch to 1e-5; a model that was in the folder is then as it was. A crash
        leaves the old model, the new one or, between two renames, no `model.json` at all.
        """
        network, standardizer = self._fitted()
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".saving-", dir=folder) as beside:
            self._write(Path(beside), network, standardizer)
            (folder / "model.json").unlink(missing_ok=True)
            for name in ("model.onnx", "weights.safetensors", "network.json", "model.json"):
                (Path(beside) / name).replace(folder / name)

    def _write(self, folder: Path, network: ServedNetwork, standardizer: Standardizer) -> None:
        with loop.repeatable(1):
            export_onnx(network, len(self.columns), folder / "model.onnx")
            parity(network, len(self.columns), folder / "model.onnx")
        write_weights(folder / "weights.safetensors", network.state_dict())
        _write_json(folder / "network.json", {
            "backbone": {"name": self.backbone_options.name, **asdict(self.backbone_options)},
            "head": {"name": self.head_options.output, **asdict(self.head_options)},
            "training": asdict(self.training),
        })  # fmt: skip
        states = network.backbone.states() if isinstance(network.backbone, StreamBackbone) else ()
        write_model(folder, {
            "forecaster": self.spec.name,
            "horizons": list(self._horizons),
            "unit": self.scale.unit,
            "columns": list(self.columns),
            "standardize": standardizer.parameters(),
            "network": {"kind": "step" if self.spec.streaming else "window", "file": "model.onnx", "window": self.spec.window,
                        "state": [[name, list(shape)] for name, shape in states]},
            "fixed": None,
            "law": network.head.law(),
            "scale": self.scale.parameters(),
        })  # fmt: skip

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The torch network that `save` wrote; `tickcast.models.onnx_network.OnnxNetwork` needs no torch. Raises ModelError."""
        try:
            model, options = (json.loads((folder / name).read_text()) for name in ("model.json", "network.json"))
            backbone = _parse(options["backbone"], (GruOptions, PriceTransformerOptions))
            head = _parse(options["head"], (BucketOptions, QuantileOptions))
            training = TypeAdapter(TrainingOptions).validate_python(options["training"])
            loss = SoftCrossEntropy() if head.output == "buckets" else Pinball()
            network = cls(backbone, head, loss, scales.parse(model["scale"]), tuple(model["columns"]), training)
            network._horizons = tuple(model["horizons"])
            network._standardizer = Standardizer.parse(model["standardize"])
            assembled = network._assembled(*network._build())
            assembled.load_state_dict(load_file(folder / "weights.safetensors"))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, ValidationError) as error:
            raise ModelError(f"no network can be read: {str(error).splitlines()[0]}", file=folder) from error
        assembled.eval()
        return network

    def _fitted(self) -> tuple[ServedNetwork, Standardizer]:
        if self._network is None or self._standardizer is None:
            raise ModelError("this network is not fitted", hint="call fit or load first")
        return self._network, self._standardizer

    def _build(self) -> tuple[Backbone, Head]:
        backbone = self.backbone_options.build(len(self.columns))
        return backbone, self.head_options.build(backbone.width, len(self._horizons))

    def _assembled(self, backbone: Backbone, head: Head) -> ServedNetwork:
        self._network = ServedNetwork(backbone, head).to(self.training.device if self.position is None else "cpu")
        return self._network

    def _values(self, table: FeatureTable) -> NDArray[np.float32]:
        """(n, k) standardised features of the whole table."""
        if self._standardizer is None:
            raise ModelError("this network is not fitted", hint="call fit or load first")
        return self._standardizer.apply(table.select(self.columns).values)

    def _feed(self, backbone: Backbone, values: NDArray[np.float32], view: View, options: TrainingOptions | None) -> Feed:
        if isinstance(backbone, WindowBackbone):
            return WindowFeed(backbone, values, view.rows, options)
        if not isinstance(backbone, StreamBackbone):
            raise ModelError(f"no feed for a backbone of view {backbone.view}")
        # Ready rows without a label are read as well: in the market they come like any other.
        warm = _WARM if options is None else options.chunk
        rows = np.flatnonzero(view.table.ready(self.columns)[: view.rows[-1] + 1])
        first = int(np.searchsorted(rows, view.rows[0]))
        scored = np.zeros(len(view.table), np.bool_)
        scored[view.rows] = True
        return StreamFeed(backbone, values, view.table.segment, rows[max(0, first - warm) :], scored, options, warm=warm)

    def _sample(self, valid: View, times: int) -> View:
        """Validation rows spread evenly, `times` as many as `valid_rows` says and at most all."""
        most = self.training.valid_rows
        if most is None or len(valid) <= times * most:
            return valid
        return valid.take(np.linspace(0, len(valid) - 1, times * most).astype(np.int64))

    def _embeddings(self, backbone: Backbone, values: NDArray[np.float32], view: View) -> Iterator[Tensor]:
        """Embeddings of the view's rows in order; a stream is read from the first row of the first segment on."""
        if not len(view):
            return
        if isinstance(backbone, StreamBackbone):
            feed: Feed = self._whole(backbone, values, view)
        else:
            feed = self._feed(backbone, values, view, None)
        feed.begin(0)
        for update in range(feed.updates):
            yield feed.embed(update)[0]

    def _whole(self, backbone: StreamBackbone, values: NDArray[np.float32], view: View) -> StreamFeed:
        rows = read_rows(view, self.columns)
        scored = np.zeros(len(view.table), np.bool_)
        scored[view.rows] = True
        return StreamFeed(backbone, values, view.table.segment, rows, scored, None, warm=0, streams=1)

    def _digest(self, values: NDArray[np.float32], z: NDArray[np.float32]) -> str:
        """What a checkpoint must agree on: options, features and outcomes."""
        options = [repr(part) for part in (self.backbone_options, self.head_options, self.loss, self.training, self.columns)]
        told = hashlib.sha256(json.dumps(options).encode())
        for array in (values, z):
            told.update(np.ascontiguousarray(array).data)
        return told.hexdigest()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _parse(options: Mapping[str, Any], kinds: tuple[Any, ...]) -> Any:
    """The options of the kind that `name` tells. Raises KeyError or pydantic's ValidationError."""
    table = {getattr(kind, "name", None) or kind.output: kind for kind in kinds}
    values = {key: value for key, value in options.items() if key != "name"}
    return TypeAdapter(table[options["name"]]).validate_python(values)
