"""An opened bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from tickcast._engine import Predictor
from tickcast.bundle.verify import bundle_hash, verify
from tickcast.errors import BundleError

__all__ = ["Bundle", "onnxruntime_library"]


def onnxruntime_library() -> Path:
    """The ONNX Runtime library inside the onnxruntime wheel; nothing is imported. Raises BundleError when there is none."""
    found = find_spec("onnxruntime")
    places = found.submodule_search_locations if found else None
    for place in places or ():
        for pattern in ("libonnxruntime.so*", "libonnxruntime*.dylib", "onnxruntime.dll"):
            libraries = sorted((Path(place) / "capi").glob(pattern))
            if libraries:
                return libraries[-1]
    raise BundleError("the onnxruntime wheel holds no library", hint="pip install onnxruntime")


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Parameters
    ----------
    folder: where it lies.
    hash: SHA-256 of its manifest; every forecast it gives carries it.
    manifest: inputs, horizons, target, metrics, versions and the hash of every file.
    """

    folder: Path
    hash: str
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Verify every hash, load everything in the Rust predictor and replay the golden events.

        Raises BundleError naming the file that is missing, altered, not listed, or does not answer as it did.
        """
        place = Path(folder)
        manifest = verify(place)
        Predictor(place, onnxruntime_library())
        return cls(place, bundle_hash(place), manifest)

    def predictor(self) -> Predictor:
        """The Rust predictor of this bundle, with an empty memory. It verifies and replays once more."""
        return Predictor(self.folder, onnxruntime_library())
