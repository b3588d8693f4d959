"""model.json: what every forecaster is saved as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tickcast.errors import BundleError

__all__ = ["read_model", "write_model"]

_PARTS = ("forecaster", "horizons", "unit", "columns", "standardize", "network", "fixed", "law", "scale")


def write_model(folder: Path, document: Mapping[str, Any]) -> None:
    """Write `document` as folder/model.json, the same bytes for the same content. Parts left out become null."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {**dict.fromkeys(_PARTS), **document}
    (folder / "model.json").write_text(json.dumps(whole, allow_nan=False, separators=(",", ":")), encoding="utf-8")


def read_model(folder: Path) -> dict[str, Any]:
    """The document in folder/model.json. Raises BundleError when it cannot be read or a part is absent."""
    file = folder / "model.json"
    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror}", file=file) from None
    except ValueError as error:
        raise BundleError(f"is not JSON: {error}", file=file) from None
    if not isinstance(document, dict):
        raise BundleError("holds no object", file=file)
    for part in _PARTS:
        if part not in document:
            raise BundleError("a part is missing", file=file, field=part)
    return document
