from __future__ import annotations

import pytest

from tickcast import scales
from tickcast.errors import ConfigError
from tickcast.losses import LOSSES, EarthMover, Pinball, SoftCrossEntropy
from tickcast.train import NETWORKS, Network, build


def made(kind: str, **options: object) -> Network:
    network = build(kind, scales.Unit(), ("x",), options)
    assert isinstance(network, Network)
    return network


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_network_takes_every_loss_of_its_kind(kind: str, loss: str) -> None:
    output = NETWORKS[kind].head.output
    if LOSSES[loss].output == output:
        assert made(kind, loss=loss).loss == LOSSES[loss]()
    else:
        with pytest.raises(ConfigError, match="does not fit"):
            made(kind, loss=loss)


def test_a_loss_with_its_fields_and_the_ones_taken_by_default() -> None:
    assert made("gru_buckets", loss={"earth_mover": {"power": 1}}).loss == EarthMover(power=1)
    assert made("gru_buckets").loss == SoftCrossEntropy()
    assert made("gru_quantiles").loss == Pinball()


@pytest.mark.parametrize(
    "loss", ["nope", 3, {"earth_mover": {"pow": 2}}, {"earth_mover": {"power": 3}}, {"crps": None, "pinball": None}, []]
)
def test_what_is_no_loss_is_told(loss: object) -> None:
    with pytest.raises(ConfigError):
        made("gru_buckets", loss=loss)
