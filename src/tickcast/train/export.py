"""ONNX export: what is served must be what was trained, proved before the file is kept."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from tickcast.errors import ModelError
from tickcast.heads.base import Head
from tickcast.models.backbone import Backbone, StreamBackbone, WindowBackbone

__all__ = ["ServedNetwork", "export_onnx", "parity"]

_OPSET = 20


class ServedNetwork(nn.Module):
    """Backbone, head and domain map as one function, as the server calls it.

    Window: x (batch, window, k) → law (batch, h, size). Stream: x (batch, k) and each state → law and each next state.
    """

    def __init__(self, backbone: Backbone, head: Head) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The law output, followed by the next state of a stream."""
        if isinstance(self.backbone, StreamBackbone):
            embedding, after = self.backbone.step(x, state)
            return self.head.domain(self.head(embedding)), *after
        return (self.head.domain(self.head(self.backbone(x))),)


def export_onnx(served: ServedNetwork, inputs: int, path: Path) -> None:
    """Write the network as ONNX with a dynamic batch axis. The same weights give the same bytes, on any path of any machine."""
    served.eval()
    x, state = _example(served.backbone, inputs, 3, np.random.default_rng(0))
    names = [name for name, _ in _states(served.backbone)]
    batch = torch.export.Dim("batch")
    axes = ({0: batch}, tuple({0: batch} for _ in state)) if state else ({0: batch},)
    with _quiet():
        program = torch.onnx.export(
            served,
            (x, *state),
            dynamo=True,
            verbose=False,
            input_names=["x", *names],
            output_names=["law", *(f"{name}_next" for name in names)],
            dynamic_shapes=axes,
            opset_version=_OPSET,
            external_data=False,
        )
    if program is None:
        raise ModelError("the network cannot be exported to ONNX")
    path.write_bytes(_stripped(program.model_proto))


def parity(served: ServedNetwork, inputs: int, path: Path, *, tolerance: float = 1e-5) -> float:
    """Greatest absolute difference between torch and ONNX Runtime over several batch sizes and, for streams, carried states.

    Raises ModelError when it is above `tolerance`.
    """
    served.eval()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    names = [name for name, _ in _states(served.backbone)]
    worst, rng = 0.0, np.random.default_rng(1)
    for size in (1, 2, 7):
        x, state = _example(served.backbone, inputs, size, rng)
        for _ in range(4):
            with torch.no_grad():
                wanted = served(x, *state)
            got = session.run(None, dict(zip(["x", *names], (part.numpy() for part in (x, *state)), strict=True)))
            worst = max(worst, *(float(np.abs(a.numpy() - b).max()) for a, b in zip(wanted, got, strict=True)))
            x, state = _example(served.backbone, inputs, size, rng)[0], wanted[1:]
    if not worst <= tolerance:
        raise ModelError(f"torch and ONNX Runtime differ by {worst:.2e}", file=path, hint="the network was not saved; report this")
    return worst


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter without its remarks on torchvision, which is not needed, and on the batch axis, which all inputs share on purpose."""
    exporter = logging.getLogger("torch.onnx")
    before = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*axis name.*will not be used", category=UserWarning)
            yield
    finally:
        exporter.setLevel(before)


def _states(backbone: Backbone) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return backbone.states() if isinstance(backbone, StreamBackbone) else ()


def _example(backbone: Backbone, inputs: int, batch: int, rng: np.random.Generator) -> tuple[Tensor, tuple[Tensor, ...]]:
    shape = (batch, backbone.window, inputs) if isinstance(backbone, WindowBackbone) else (batch, inputs)
    x = torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    return x, tuple(torch.zeros(batch, *size) for _, size in _states(backbone))


def _stripped(model: onnx.ModelProto) -> bytes:
    """The model without the exporter's stack traces, which carry paths of this machine."""
    model.doc_string = ""
    del model.metadata_props[:]
    model.graph.doc_string = ""
    model.graph.name = "tickcast"
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
