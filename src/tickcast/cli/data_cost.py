"""`tickcast data cost`: what a fill would download from a provider, and what it would cost."""

from __future__ import annotations

import time
from pathlib import Path

from tickcast.cli.arguments import AsJson, FirstDay, LastDay, NewStore, Quiet, Settings
from tickcast.cli.data_range import days_meant
from tickcast.cli.terminal import Terminal
from tickcast.clock import day_text
from tickcast.config import DataConfig
from tickcast.errors import ConfigError

__all__ = ["cost"]


def cost(
    config: Path,
    *,
    from_: FirstDay = None,
    until: LastDay = None,
    set_: Settings = (),
    store: NewStore = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what `tickcast data fill` would download from a provider, and what that costs by the provider's word. Nothing is downloaded.

    What the store holds and what was downloaded before costs nothing. A fill spends no more than the configuration's data.options.budget.

    For example:

    tickcast data cost my-data.yaml --from 2024-01-01 --until 2024-03-31

    tickcast data fill my-data.yaml --from 2024-01-01 --until 2024-03-31 --set data.options.budget=12.50

    Parameters
    ----------
    config
        YAML file whose data section names a provider as its source.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    data = DataConfig.load(config, set_)
    from tickcast.sources import DatabentoHistory
    from tickcast.sources.configured import configured
    from tickcast.store import Store
    from tickcast.upkeep import family, missing_days, ranges_asked

    source = configured(data)
    if not isinstance(source, DatabentoHistory):
        raise ConfigError(f"what {data.source} gives costs nothing", field="data.source", hint="name a source that sells its data")
    with Store.open(store) as kept:
        dataset = family(data, kept)
        first, last = days_meant(data, dataset, kept, from_, until, to=None)
        due = missing_days(dataset, kept, first, last, now=time.time_ns())
    told = [source.estimate(start=low, end=high) for low, high in ranges_asked(due, data.calendar)]
    value = {
        "days": len(due),
        "downloads": sum(each.pieces for each in told),
        "bytes": sum(each.size for each in told),
        "dollars": round(sum(each.dollars for each in told), 6),
        "budget": source.budget,
        "from": day_text(first),
        "until": day_text(last),
    }
    size = f"{value['downloads']} downloads of {value['bytes']} bytes without compression"
    terminal.answer(value, f"{len(due)} days are missing: {size}\n{value['dollars']:.2f} US dollars, {source.budget:.2f} are allowed")
