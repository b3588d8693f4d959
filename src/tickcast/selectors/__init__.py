"""Which features to keep, learned from training rows only: one way per file, chosen from this table."""

from __future__ import annotations

from collections.abc import Mapping

from tickcast.selectors.base import Dropped, Selection, Selector
from tickcast.selectors.chain import Chain
from tickcast.selectors.contributions import Contributions
from tickcast.selectors.mutual_information import MutualInformation
from tickcast.selectors.recursive_elimination import RecursiveElimination
from tickcast.selectors.sound import Sound
from tickcast.selectors.uncorrelated import Uncorrelated

__all__ = [
    "SELECTORS",
    "Chain",
    "Contributions",
    "Dropped",
    "MutualInformation",
    "RecursiveElimination",
    "Selection",
    "Selector",
    "Sound",
    "Uncorrelated",
]

SELECTORS: Mapping[str, type[Selector]] = {
    "sound": Sound,
    "uncorrelated": Uncorrelated,
    "mutual_information": MutualInformation,
    "contributions": Contributions,
    "recursive_elimination": RecursiveElimination,
    "chain": Chain,
}
