"""`tickcast ingest`: a source's history into the store."""

from __future__ import annotations

from pathlib import Path

from tickcast.cli.arguments import AsJson, NewStore, Quiet, Settings
from tickcast.cli.terminal import Terminal
from tickcast.config import DataConfig

__all__ = ["ingest"]


def ingest(
    config: Path,
    *,
    set_: Settings = (),
    store: NewStore = "data/store",
    changed: bool = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read, clean and commit what a data section names; the same files are read once. Run it again to go on where it was interrupted.

    For example:

    tickcast ingest configs/mgc-5m.yaml

    tickcast ingest configs/nq-5m.yaml --set data.files=/data/nq.parquet --json

    tickcast ingest configs/nq-5m.yaml --changed

    Parameters
    ----------
    config
        YAML file whose data section says what to read: an experiment's, or one that holds nothing else.
    changed
        Read files that changed since they were ingested, as corrections; without it they are refused.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    data = DataConfig.load(config, set_)  # before the heavy imports: a typo is told at once
    from tickcast.lifecycle.ingest import ingest as ingest_data
    from tickcast.lifecycle.progress import Progress
    from tickcast.lifecycle.receipts import receipts_of
    from tickcast.store import Store

    with terminal.progress() as listener, Store.open(store) as kept:
        done = ingest_data(data, kept, receipts_of(store), Progress(listener), changed=changed)
    value = {
        "version": done.version,
        "rows": done.rows,
        "outside": done.outside,
        "quarantined": dict(done.quarantined),
        "left_out": dict(done.left_out),
        "files": dict(done.files),
    }
    aside = ", ".join(f"{n} {reason}" for reason, n in sorted(done.quarantined.items())) or "none"
    left = ", ".join(f"{n} of {what}" for what, n in sorted(done.left_out.items()))
    told = f"version {done.version}\n{done.rows} rows, {done.outside} outside sessions, quarantined: {aside}"
    terminal.answer(value, f"{told}; not asked for and left out: {left}" if left else told)
