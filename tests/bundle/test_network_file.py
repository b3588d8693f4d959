from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tickcast.bundle.network_file import refuse_foreign
from tickcast.errors import BundleError


def _model(*nodes: onnx.NodeProto, domains: tuple[str, ...] = ("",)) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4096]) for name in ("x", "law"))
    weights = numpy_helper.from_array(np.ones(4096, np.float32), "w")
    made = nodes or (helper.make_node("Add", ["x", "w"], ["law"]),)
    return helper.make_model(
        helper.make_graph(made, "g", [x], [y], [weights]),
        opset_imports=[helper.make_opsetid(domain, 1 if domain else 18) for domain in domains],
    )


def test_weights_elsewhere_are_refused(tmp_path: Path) -> None:
    whole, split = tmp_path / "whole.onnx", tmp_path / "split.onnx"
    onnx.save(_model(), whole)
    refuse_foreign(whole)
    onnx.save(_model(), split, save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(BundleError, match="weights 'w' in another file"):
        refuse_foreign(split)


def test_operators_of_others_are_refused_wherever_they_hide(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(_model(helper.make_node("Gelu", ["x"], ["law"], domain="com.microsoft"), domains=("", "com.microsoft")), path)
    with pytest.raises(BundleError, match=r"operators of 'com\.microsoft'"):
        refuse_foreign(path)
    y = helper.make_tensor_value_info("law", TensorProto.FLOAT, [4096])
    branch = helper.make_graph([helper.make_node("Mine", ["x"], ["law"], domain="mine")], "b", [], [y])
    onnx.save(_model(helper.make_node("If", ["c"], ["law"], then_branch=branch, else_branch=branch)), path)
    with pytest.raises(BundleError, match="operators of 'mine'"):
        refuse_foreign(path)
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(BundleError, match="is no ONNX file"):
        refuse_foreign(path)
