"""One selector after another, each on what the one before it kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tickcast.errors import ConfigError, ModelError
from tickcast.selectors.base import Dropped, Selection, Selector
from tickcast.selectors.contributions import Contributions
from tickcast.selectors.mutual_information import MutualInformation
from tickcast.selectors.recursive_elimination import RecursiveElimination
from tickcast.selectors.sound import Sound
from tickcast.selectors.uncorrelated import Uncorrelated
from tickcast.views.view import View

__all__ = ["Chain"]


@dataclass(frozen=True)
class Chain(Selector):
    """Cheap selectors first: what they drop costs the later ones nothing.

    Parameters
    ----------
    links: in order; by default sound, uncorrelated, mutual information, contributions, recursive elimination.

    Raises ModelError when a link leaves nothing: then no feature of the table says anything about the outcome.
    """

    links: tuple[Selector, ...] = (Sound(), Uncorrelated(), MutualInformation(), Contributions(), RecursiveElimination())

    def __post_init__(self) -> None:
        if not self.links:
            raise ConfigError("a chain needs at least one selector", field="links")

    @classmethod
    def usual(cls, horizon: str | None = None, about: str = "return") -> Chain:
        """The default links, for this outcome."""
        h, a = horizon, about
        return cls((Sound(), Uncorrelated(0.95, h, a), MutualInformation(h, a), Contributions(h, a), RecursiveElimination(h, a)))

    def select(self, view: View) -> Selection:
        """Score: that of the last selector that measured the feature."""
        left, dropped, scores = view, list[Dropped](), dict[str, float]()
        for link in self.links:
            found = link.select(left)
            dropped += found.dropped
            scores |= dict(found.scores)
            if not found.kept:
                raise ModelError(
                    f"{found.by} leaves no feature", hint="these features say nothing about the outcome; bring others or more rows"
                )
            left = replace(left, table=left.table.select(found.kept))
        ordered = tuple((name, scores[name]) for name in view.table.names if name in scores)
        return Selection("chain", left.table.names, tuple(dropped), ordered, len(view))
