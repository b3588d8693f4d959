"""Binary regression trees as flat arrays: what a bundle carries and two engines evaluate alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import BundleError, ModelError

__all__ = ["Forest"]

_CHUNK = 8192  # rows whose state stays in the cache while all trees pass


@dataclass(frozen=True, eq=False)
class Forest:
    """The sum of trees, added in order in float64, starting from 0.

    Parameters
    ----------
    roots: (t,) node where each tree starts; a negative number -1 - i means that the tree is leaf i.
    feature: (m,) column a node looks at.
    threshold: (m,) a value <= threshold goes left.
    left, right: (m,) next node, or -1 - i for leaf i; nodes and leaves are numbered through all trees.
    default_left: (m,) where NaN goes.
    value: (leaves,) what a leaf adds.

    Children of a node are numbered above it, so every walk ends. Raises BundleError when an index points nowhere.
    """

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    default_left: NDArray[np.bool_]
    value: NDArray[np.float64]

    def __post_init__(self) -> None:
        nodes, leaves = len(self.feature), len(self.value)
        if any(len(a) != nodes for a in (self.threshold, self.left, self.right, self.default_left)):
            raise BundleError("the arrays of a forest differ in length", field="scale.models")
        number = np.arange(nodes)
        for child in (self.left, self.right):
            if (child >= nodes).any() or (child < -leaves).any() or ((child >= 0) & (child <= number)).any():
                raise BundleError("a tree's node points nowhere or back", field="scale.models")
        if (self.roots >= nodes).any() or (self.roots < -leaves).any() or (self.feature < 0).any():
            raise BundleError("a tree starts or looks outside the forest", field="scale.models")
        if not (np.isfinite(self.value).all() and not np.isnan(self.threshold).any()):
            raise BundleError("a tree holds a value that is not finite", field="scale.models")

    def evaluate(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) sums for the rows of `matrix` (n, k). Raises ModelError when a node looks beyond its columns."""
        if len(self.feature) and self.feature.max() >= matrix.shape[1]:
            raise ModelError(f"the trees look at column {int(self.feature.max())} of {matrix.shape[1]}")
        out = np.zeros(len(matrix))
        for first in range(0, len(matrix), _CHUNK):
            self._add(matrix[first : first + _CHUNK], out[first : first + _CHUNK])
        return out

    def _add(self, rows: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        flat, width = np.ascontiguousarray(rows).ravel(), rows.shape[1]
        base = np.arange(len(rows)) * width
        missing = bool(np.isnan(flat).any())
        for root in self.roots:
            at = np.full(len(rows), root)
            walking = np.arange(len(rows)) if root >= 0 else np.zeros(0, np.int64)
            while len(walking):
                node = at[walking]
                x = flat[base[walking] + self.feature[node]]
                goes_left = x <= self.threshold[node]
                if missing:
                    goes_left = np.where(np.isnan(x), self.default_left[node], goes_left)
                following = np.where(goes_left, self.left[node], self.right[node])
                at[walking] = following
                walking = walking[following >= 0]
            out += self.value[-1 - at]

    def parameters(self) -> dict[str, Any]:
        """Lists by field name."""
        return {field.name: getattr(self, field.name).tolist() for field in fields(self)}

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Forest:
        """The forest whose `parameters()` these are."""

        def whole(name: str) -> NDArray[np.int64]:
            return np.array(parameters[name], np.int64)

        def real(name: str) -> NDArray[np.float64]:
            return np.array(parameters[name], np.float64)

        default = np.array(parameters["default_left"], np.bool_)
        return cls(whole("roots"), whole("feature"), real("threshold"), whole("left"), whole("right"), default, real("value"))

    @classmethod
    def from_text(cls, text: str) -> Forest:
        """The forest in a LightGBM model text. Raises ModelError for categorical splits, linear trees and averaged forests."""
        header, *trees = text.split("end of trees")[0].split("\nTree=")
        if "average_output" in header:
            raise ModelError("averaged LightGBM forests are not summed", hint="train with boosting gbdt")
        roots, parts, nodes, leaves = [], [], 0, 0
        for tree in trees:
            entries = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)
            if int(entries["num_cat"]) or int(entries.get("is_linear", "0")):
                raise ModelError("categorical splits and linear leaves are not supported", hint="train plain trees")
            value = np.array(entries["leaf_value"].split(), np.float64)
            whole = {name: np.array(entries.get(name, "").split(), np.int64) for name in _WHOLE}
            threshold = np.array(entries.get("threshold", "").split(), np.float64)
            child = [np.where(side >= 0, side + nodes, side - leaves) for side in (whole["left_child"], whole["right_child"])]
            kind = whole["decision_type"]
            never_missing = (kind >> 2) & 3 != 2  # LightGBM then reads NaN as 0
            default = np.where(never_missing, threshold >= 0, kind & 2 != 0)
            roots.append(nodes if len(threshold) else -1 - leaves)
            parts.append((whole["split_feature"], threshold, *child, default, value))
            nodes, leaves = nodes + len(threshold), leaves + len(value)
        feature, threshold, left, right, default, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(np.array(roots, np.int64), feature, threshold, left, right, default, value)


_WHOLE = ("split_feature", "left_child", "right_child", "decision_type")
