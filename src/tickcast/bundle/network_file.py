"""A network file must hold all of itself: no weights in other files, no operators that ONNX does not define."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tickcast.errors import BundleError

__all__ = ["refuse_foreign"]

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_DEPTH = 16


def refuse_foreign(path: Path) -> None:
    """Raise BundleError for an ONNX file with external weights, operators of other domains or graphs nested absurdly deep.

    Without the onnx package (a base install, which cannot export either) nothing is looked at: a bundle is flat and ONNX Runtime gets
    its bytes alone, so weights elsewhere fail to load there.
    """
    if find_spec("onnx") is None:
        return
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise BundleError(f"is no ONNX file: {error}", file=path) from None
    domains = {part.domain for part in (*model.opset_import, *model.functions)} - set(_DOMAINS)
    for graph in _graphs(model.graph, 0, path):
        domains |= {node.domain for node in graph.node} - set(_DOMAINS)
        for tensor in _tensors(graph):
            if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
                raise BundleError(f"keeps the weights {tensor.name!r} in another file", file=path, hint="export with external_data=False")
    if domains:
        raise BundleError(f"uses operators of {sorted(domains)[0]!r}", file=path, hint="export with the operators of ONNX alone")


def _graphs(graph: Any, depth: int, path: Path) -> Iterator[Any]:
    if depth > _DEPTH:
        raise BundleError("nests graphs too deep", file=path)
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _graphs(inner, depth + 1, path)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t
