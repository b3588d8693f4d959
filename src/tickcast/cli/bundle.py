"""`tickcast bundle`: is a bundle whole, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cyclopts import App
from rich.markup import escape
from rich.table import Table

from tickcast.cli.arguments import AsJson
from tickcast.cli.terminal import Terminal

__all__ = ["bundle"]

bundle = App(name="bundle", help="Verify a bundle, or show what it holds.")


@bundle.command(name="verify")
def _verify(folder: Path, *, json: AsJson = False) -> None:
    """Check every file's SHA-256, load the forecaster and replay the golden events; exit code 2 names what is wrong.

    For example:

    tickcast bundle verify runs/nq-5m-1a2b3c4d/bundle

    Parameters
    ----------
    folder
        The bundle's folder.
    """
    from tickcast.bundle import Bundle

    opened = Bundle.open(folder)
    files = opened.manifest["files"]
    size = sum(int(entry["bytes"]) for entry in files.values())
    value = {"folder": str(folder), "hash": opened.hash, "files": len(files), "bytes": size, "ok": True}
    told = (
        f"{folder}: {len(files)} files, {size:,} bytes, all as written; the golden events give the golden forecasts\nbundle {opened.hash}"
    )
    Terminal(as_json=json).answer(value, told)


@bundle.command(name="show")
def _show(folder: Path, *, json: bool = False) -> None:
    """Show what a bundle forecasts, from which inputs, how well it did and where it comes from; hashes are checked, nothing is loaded.

    For example:

    tickcast bundle show runs/nq-5m-1a2b3c4d/bundle --json

    Parameters
    ----------
    folder
        The bundle's folder.
    json
        Write the whole manifest as JSON.
    """
    from tickcast.bundle import bundle_hash, verify

    manifest = dict(verify(folder))
    Terminal(as_json=json).answer(manifest, _table(manifest, bundle_hash(folder)))


def _table(manifest: dict[str, Any], digest: str) -> Table:
    table = Table.grid(padding=(0, 2))
    crps = manifest["metrics"].get("crps_bp", {})
    rows = {
        "bundle": digest,
        "forecaster": manifest["forecaster"],
        "horizons": ", ".join(manifest["horizons"]),
        "features": f"{manifest['features']['name']} ({manifest['features']['hash'][:12]})",
        "stream": manifest["stream"],
        "inputs": ", ".join(f"{each['name']} ({each['unit']})" for each in manifest["inputs"]),
        "calibrators": ", ".join(manifest["calibrators"]) or "none",
        "test CRPS, bp": ", ".join(f"{horizon} {crps[horizon]:.3f}" for horizon in manifest["horizons"] if horizon in crps)
        or "not recorded",
        "data version": manifest["data_version"],
        "commit": manifest["commit"],
        "tickcast": manifest["tickcast"],
    }
    for name, found in rows.items():
        table.add_row(name, escape(str(found)))
    return table
