"""Laws of learned features: training rows only, the same bits each time, batch = stream = restart, no foresight of noise."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.test_engine import bits, live
from tickcast import _engine
from tickcast.clock import MINUTE, SECOND
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.learners import LEARNERS, examples, learn
from tickcast.features.training import MOST_ROWS, Training

pytest.importorskip("torch")
pytest.importorskip("hmmlearn")
LINES = {
    "r": "diff(log(close))",
    "w": "log(volume)",
    "p1": 'fitted("pca_1", r, w, close)',
    "p3": 'fitted("pca_3", r, w, close)',
    "a1": 'fitted("autoencoder_1", r, w, close, hidden=4, steps=40)',
    "a2": 'fitted("autoencoder_2", r, w, close, hidden=4, steps=40)',
    "h1": 'fitted("hmm_1", r, states=3)',
    "h3": 'fitted("hmm_3", r, states=3)',
    "run": 'fitted("bocpd_run", r, run=30, longest=20)',
    "change": 'fitted("bocpd_change", r, run=30, longest=20, within=5)',
    "vol": 'fitted("garch_vol", r)',
}
MODELS = [name for name in LINES if name not in ("r", "w")]


def walk(n: int, seed: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(1e-3 * np.cumsum(rng.standard_normal(n)))
    stamps = {"ts": (1 + np.arange(n)) * MINUTE, "session_id": np.full(n, 10**6 * MINUTE), "segment_id": np.zeros(n, np.int64)}
    return pl.DataFrame(stamps | {"close": close, "volume": rng.integers(1, 500, n).astype(float)})


def words(lines: dict[str, str], **more: object) -> dict[str, object]:
    return {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "1m"}, "price": "close", "features": lines} | more


def fitted(session: str = "carry") -> FeatureSet:
    frame = walk(800)
    return FeatureSet.from_dict(words(LINES, session=session)).fit(frame, int(frame["ts"][-1]))


FITTED = {session: fitted(session) for session in ("carry", "reset")}
VALUE = st.one_of(st.floats(90, 110), st.sampled_from([math.nan, math.inf, -1.0, 1e140]))
ROWS = st.lists(st.tuples(st.integers(0, 4), VALUE, VALUE), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(ROWS, st.sampled_from(["carry", "reset"]), st.integers(0, 60), st.integers(3, 60), st.integers(3, 60))
def test_batch_is_stream_is_restart(rows: list, session: str, restart: int, sessions: int, segments: int) -> None:
    order, features = np.arange(len(rows)), FITTED[session]
    columns = {"ts": np.cumsum([gap * SECOND for gap, _, _ in rows]), "close": [x for _, x, _ in rows], "volume": [y for _, _, y in rows]}
    marks = {"session_id": (order // sessions + 1) * 10_000 * SECOND, "segment_id": order // segments}
    frame = pl.DataFrame(columns | marks)
    batch = features.compute(frame, step=SECOND).values
    assert (bits(batch) == bits(live(features, frame))).all()
    assert (bits(batch) == bits(live(features, frame, restart % len(rows)))).all()
    states = batch[:, [features.names.index("h1"), features.names.index("h3"), features.names.index("change")]]
    assert np.isnan(states).any() or ((states >= 0) & (states <= 1 + 1e-12)).all()


@pytest.mark.parametrize("session", ["carry", "reset"])
def test_a_restart_continues_in_the_middle(session: str) -> None:
    frame = walk(400, seed=5).with_columns(session_id=(1 + pl.int_range(pl.len()) // 150) * 10**6 * MINUTE)
    batch = FITTED[session].compute(frame).values
    assert (bits(batch) == bits(live(FITTED[session], frame, restart=217))).all()
    assert np.isfinite(batch[30:140]).all()


def test_the_fit_is_the_same_each_time_and_knows_no_row_after_until() -> None:
    frame = walk(1200)
    until = int(frame["ts"][799])
    shaken = frame.with_columns(pl.when(pl.col("ts") > until).then(7.0).otherwise("close").alias("close"))
    documents = {FeatureSet.from_dict(words(LINES)).fit(rows, until).document for rows in (frame, frame, shaken, frame.head(800))}
    assert len(documents) == 1
    other = FeatureSet.from_dict(words(LINES)).fit(frame, int(frame["ts"][900]))
    assert other.document not in documents
    assert other.hash == FITTED["carry"].hash


def test_what_is_frozen_survives_json() -> None:
    features = FITTED["carry"]
    graph = json.loads(json.dumps(features.graph()))
    again, frame = FeatureSet.from_graph(graph), walk(300, seed=8)
    assert again.document == features.document
    assert (bits(again.compute(frame).values) == bits(features.compute(frame).values)).all()
    assert all(math.isfinite(value) for table in graph["tables"] for value in table["values"])


def test_what_was_learned_is_read_without_the_packages_that_learn() -> None:
    frame = walk(150, seed=8)
    code = (
        "import json, sys\n"
        "sys.modules.update(dict.fromkeys(('torch', 'hmmlearn', 'sklearn', 'lightgbm')))\n"
        "import polars as pl\nfrom tickcast.features import FeatureSet\n"
        "document, rows = json.load(sys.stdin)\n"
        "print(json.dumps(FeatureSet.from_graph(document).compute(pl.DataFrame(rows)).values.view('i8').ravel().tolist()))"
    )
    given = json.dumps([FITTED["carry"].graph(), frame.to_dict(as_series=False)])
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = np.array(json.loads(done.stdout)).view(np.float64)
    assert (bits(found) == bits(FITTED["carry"].compute(frame).values.ravel())).all()


def test_outputs_of_one_fit_share_a_table() -> None:
    tables = FITTED["carry"].graph()["tables"]
    assert [table["recipe"]["kind"] for table in tables] == ["pca", "autoencoder", "hmm", "bocpd", "garch"]
    assert [table["name"] for table in tables] == ["p1", "a1", "h1", "run", "vol"]
    two = FeatureSet.from_dict(words({"a": 'fitted("hmm_1", close, states=2)', "b": 'fitted("hmm_1", close, states=3)'}))
    assert len(two.graph()["tables"]) == 2


def test_warmup_is_declared_and_observed() -> None:
    table = FITTED["carry"].compute(walk(100, seed=4))
    observed = {name: int(np.isnan(table.column(name)).sum()) for name in table.names}
    assert observed == dict(FITTED["carry"].warmup)
    assert observed["change"] == 6


def test_a_row_without_a_number_changes_no_state() -> None:
    frame = walk(200, seed=6)
    lines = {name: text.replace(" r,", " open,").replace(" r)", " open)") for name, text in LINES.items() if name != "r"}
    train = walk(800).with_columns(open=pl.col("close").log().diff())
    features = FeatureSet.from_dict(words(lines)).fit(train, int(train["ts"][-1]))
    whole = frame.with_columns(open=pl.col("close").log().diff().fill_null(0))
    holed = pl.concat([whole.head(100), whole[99:100].with_columns(open=math.nan), whole.tail(100)])
    table = features.compute(holed, step=SECOND).values
    states = [features.names.index(name) for name in MODELS]
    assert np.isnan(table[100, states]).all()
    assert (bits(np.delete(table, 100, axis=0)) == bits(features.compute(whole, step=SECOND).values)).all()


def test_a_cleared_state_is_a_new_one() -> None:
    frame = walk(120, seed=9)
    marked = frame.with_columns(segment_id=(pl.int_range(pl.len()) >= 70).cast(pl.Int64))
    table = FITTED["carry"].compute(marked).values
    assert (bits(table[70:]) == bits(FITTED["carry"].compute(frame.tail(50)).values)).all()


def test_one_wrong_print_does_not_last() -> None:
    frame = walk(600, seed=11)
    wrong = frame.with_columns(pl.when(pl.int_range(pl.len()) == 100).then(1e100).otherwise("close").alias("close"))
    clean, after = (FITTED["carry"].compute(each) for each in (frame, wrong))
    for name in ("h1", "h3", "run", "change"):
        assert np.abs(clean.column(name)[400:] - after.column(name)[400:]).max() < 1e-6, name
    assert np.isfinite(after.column("vol")[1:]).all()


def test_a_fit_may_read_a_fitted_feature() -> None:
    frame = walk(900)
    lines = {"v": 'fitted("bocpd_run", diff(log(close)))', "p": 'fitted("pca_1", v, volume)', "q": 'fitted("rms_by_slot", p, slots=24)'}
    features = FeatureSet.from_dict(words(lines)).fit(frame, int(frame["ts"][600]))
    assert [table["recipe"]["kind"] for table in features.graph()["tables"]] == ["bocpd", "pca", "rms_by_slot"]
    seen = features.compute(frame)
    assert np.isfinite(seen.values[1:]).all()
    x = np.column_stack([seen.column("v"), frame["volume"]])[1:601]
    values = features.graph()["tables"][1]["values"]
    assert values[:4] == pytest.approx([*x.mean(axis=0), *x.std(axis=0)], rel=1e-12)


def test_a_grid_of_time_learns_and_lives() -> None:
    rng, n = np.random.default_rng(2), 1500
    frame = pl.DataFrame({"ts": np.cumsum(rng.integers(1, 2000, n)) * 1_000_000, "price": 100 + rng.standard_normal(n).cumsum()})
    frame = frame.with_columns(session_id=pl.lit(10**6 * SECOND), segment_id=pl.lit(0))
    lines = {"h": 'fitted("hmm_2", diff(price))', "r": 'fitted("bocpd_run", diff(sample(price), 1))'}
    words = {"name": "t", "stream": "trades", "clock": {"every": "1s"}, "price": "price", "features": lines}
    features = FeatureSet.from_dict(words).fit(frame, int(frame["ts"][900]))
    assert (bits(features.compute(frame).values) == bits(live(features, frame, restart=411))).all()


@pytest.mark.parametrize("seed", range(2))
def test_noise_is_not_foreseen(seed: int) -> None:
    frame = walk(6000, seed=100 + seed)
    table = FeatureSet.from_dict(words(LINES)).fit(frame, int(frame["ts"][1500])).compute(frame)
    r = np.diff(np.log(frame["close"].to_numpy()))[1500:]
    for name in MODELS:
        x = table.column(name)[1500:-1]
        for outcome in (r, np.abs(r), np.sign(r)):
            together = np.mean((x - x.mean()) * (outcome - outcome.mean()))
            assert abs(together) <= 4 / np.sqrt(len(r)) * x.std() * outcome.std() + 1e-18, name


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('fitted("pca_1", close)', "column 1: pca_1 takes 2 to 64 series, not 1"),
        ('fitted("pca_3", close, open)', "pca has no output '3' here. Write pca_1 to pca_2"),
        ('fitted("pca_x", close, open)', "pca has no output 'x' here"),
        ('fitted("pac_1", close, open)', "column 8: unknown fitted table 'pac_1'. Did you mean 'pca_1'?"),
        ('1 + fitted("hmm", close)', "column 12: unknown fitted table 'hmm'. Did you mean 'hmm_1'?"),
        ('fitted("hmm_3", close)', "Write hmm_1 to hmm_2"),
        ('fitted("hmm_0", close)', "Write hmm_1 to hmm_2"),
        ('fitted("hmm_1", close, states=1)', "states is 1. Give a whole number from 2 to 8"),
        ('fitted("hmm_1", close, states=2.5)', "states is 2.5"),
        ('fitted("hmm_1", close, states=close)', "states is Series"),
        ('fitted("hmm_1", close, stats=3)', "hmm_1 has no stats. It takes states"),
        ('fitted("garch_vol", close, p=1)', "garch_vol has no p. It takes series only"),
        ('fitted("garch_sigma", close)', "unknown fitted table 'garch_sigma'"),
        ('fitted("garch_vol", close, open)', "garch_vol takes 1 series, not 2"),
        ('fitted("garch_vol", 3)', "column 21: a constant teaches nothing"),
        ('fitted("bocpd_run", close, within=3)', "bocpd_run has no within"),
        ('fitted("bocpd_change", close, within=20, longest=20)', "runs are told apart up to 20 rows. Raise longest="),
        ('fitted("autoencoder_1", close, open, latent=2)', "say nothing new. Use latent=1 or fewer"),
        ("fitted(close)", "fitted begins with what is learned"),
        ("fitted()", "fitted begins with what is learned"),
        ('fitted("hmm_1")', "hmm_1 takes 1 to 16 series, not 0"),
        ('fitted("hmm_1", "x")', "'x' stands where a series is needed"),
        ('fitted("hmm_1", lag(close, -1))', "window is -1"),
    ],
)
def test_nonsense_is_refused_in_one_line(expression: str, message: str) -> None:
    with pytest.raises(FeatureError) as caught:
        FeatureSet.from_dict(words({"f": expression}))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.field == "f"


@pytest.mark.parametrize(
    ("expression", "change", "message"),
    [
        ('fitted("hmm_1", close)', {"close": 5.0}, "series 1 does not move on the training rows"),
        ('fitted("pca_1", close, volume)', {"volume": math.inf}, "0 training rows hold a number in every series, fewer than 20"),
        ('fitted("pca_2", close, close * 2)', {}, "move in 1 directions only, no pca_2. Use pca_1"),
        ('fitted("garch_vol", close)', {"close": pl.col("close") * 1e150}, "0 training rows hold a number in every series, fewer than 100"),
        ('fitted("autoencoder_1", r, w, close, latent=1, hidden=1, steps=1)', {}, "of the variance unexplained"),
    ],
)
def test_rows_that_teach_nothing_are_refused(expression: str, change: dict, message: str) -> None:
    frame = walk(300).with_columns(**{name: pl.lit(each) if isinstance(each, float) else each for name, each in change.items()})
    features = FeatureSet.from_dict(words({"r": LINES["r"], "w": LINES["w"], "f": expression}))
    with pytest.raises(FeatureError, match=message) as caught:
        features.fit(frame, int(frame["ts"][-1]))
    assert caught.value.field == "f"
    with pytest.raises(FeatureError, match="Train on more rows"):
        features.fit(frame, int(frame["ts"][3]))
    with pytest.raises(FeatureError, match="f has no values yet"):
        features.compute(frame)


def test_a_damaged_table_is_refused() -> None:
    graph = FITTED["carry"].graph()
    for number, table in enumerate(graph["tables"]):
        for values in ([], table["values"][:-1], [*table["values"], 1.0], [-1.0] * len(table["values"]), [1e300] * len(table["values"])):
            broken = json.loads(json.dumps(graph))
            broken["tables"][number]["values"] = values
            with pytest.raises(FeatureError, match="fitted table"):
                _engine.Engine(json.dumps(broken))
    for node in (i for i, node in enumerate(graph["nodes"]) if node["op"] in LEARNERS):
        broken = json.loads(json.dumps(graph))
        broken["nodes"][node]["part"] = 99
        with pytest.raises(FeatureError, match="no output 99"):
            _engine.Engine(json.dumps(broken))


def test_training_rows_are_standardised_and_cut_where_the_state_is() -> None:
    x = np.array([[1.0], [np.nan], [3.0], [5.0], [7.0]])
    training = Training.of(x, np.array([0, 0, 0, 1, 1]), 1, 4)
    assert training.z[:, 0].tolist() == pytest.approx((np.array([1, 3, 5, 7]) - 4) / np.sqrt(5))
    assert training.starts.tolist() == [0, 2]
    assert training.lengths.tolist() == [2, 2]
    with pytest.raises(FeatureError, match="series 1 reaches 7e\\+200. Scale it"):
        Training.of(x * 1e200, np.zeros(5, np.int64), 1, 4)
    assert len(Training.of(np.arange(MOST_ROWS + 9.0)[:, None], np.zeros(MOST_ROWS + 9, np.int64), 1, 4).z) == MOST_ROWS


def test_every_learner_is_tried_here() -> None:
    asked = " ".join(LINES.values())
    assert all(f'"{op}_' in asked for op in LEARNERS)
    assert {text.rpartition("_")[0] for text in examples()} == set(LEARNERS)
    assert callable(learn)
