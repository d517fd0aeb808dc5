"""Words counted by hand, rates as ratios of sums, and intervals that redraw folds."""

import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.errors import DataError, IntegrityError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import polars_schema, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.texts import word_counts
from workflow_scripts.influence.texts.lexical_profile import (
    Drawn,
    Profile,
    fold_weights,
    rates,
    redraw,
    relabelled_p,
    top_bins,
)
from workflow_scripts.influence.texts.word_counts import (
    Counts,
    counters,
    read_lexicon,
    texts_with_folds,
)


@pytest.fixture(scope="module")
def lexicon():
    return read_lexicon(word_counts.__file__.replace("word_counts.py", "words.yaml"))


def counted(lexicon, text):
    frame = pl.DataFrame({"text": [text]}).select(counters(lexicon))
    return dict(zip(["words", *lexicon.measures], frame.row(0), strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm sure you don't know him.", {"words": 6, "first_person": 1, "second_person": 1}),
        ("I'm sure you don't know him.", {"third_person": 1, "mental_state": 1, "affect": 0}),
        ("My sister felt sad; SHE cried.", {"words": 6, "first_person": 1, "affect": 3}),
        # Only lower case and capitalised forms count, and whole words alone.
        ("She. SHE. she. sheet, the US, us", {"words": 7, "third_person": 2, "first_person": 1}),
        ("What?! Why?? no", {"words": 3, "questions": 2}),
        ('He said "yes" and “no”, a 6" nail.', {"words": 8, "quotes": 2, "third_person": 1}),
        ("naïve café mémé, they’ll think", {"words": 5, "first_person": 0, "mental_state": 1}),
        ("well-known 3.5", {"words": 4, "mental_state": 1}),
        ("", {"words": 0, "questions": 0}),
    ],
)
def test_words_are_counted_as_by_hand(lexicon, text, expected):
    found = counted(lexicon, text)
    assert {name: found[name] for name in expected} == expected


def test_every_listed_word_is_found_in_its_own_list_alone(lexicon):
    for name, words in lexicon.words.items():
        found = counted(lexicon, " ".join(words))
        assert found[name] == found["words"] == len(words)
        others = set(lexicon.words) - {name}
        assert not any(found[other] for other in others)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("words: {a: [x, y], b: [x]}\nformats: {}", "word 'x' stands there twice"),
        ("words: {a: [x]}\nformats: {i: [faq], e: [faq]}", "format 'faq' stands there twice"),
        ("words: {a: [x]}\nformats: {i: [fax]}", "format 'fax' is none"),
    ],
)
def test_wrong_lists_are_refused_by_name(tmp_path, content, message):
    (tmp_path / "words.yaml").write_text(content)
    with pytest.raises(DataError, match=message):
        read_lexicon(tmp_path / "words.yaml")


def documents():
    """Five documents of two bins, three folds."""
    return pl.DataFrame(
        {
            "topic": [BINS[0][0]] * 4 + [BINS[5][0]],
            "format": [BINS[0][1]] * 4 + [BINS[5][1]],
            "fold": [0, 0, 1, 2, 2],
            "text": ["I see.", "You know me?", "We, we, we", "a b c d", "x"],
        }
    )


def test_sums_per_fold_do_not_depend_on_the_pieces(lexicon):
    whole, pieces = Counts(lexicon, 3), Counts(lexicon, 3)
    whole.add(documents())
    for start in range(5):
        pieces.add(documents()[start : start + 1])
    np.testing.assert_array_equal(whole.sums, pieces.sums)
    assert whole.documents[0].tolist() == [2, 1, 1]
    assert whole.documents.sum() == 5 and whole.documents[5, 2] == 1
    words, first_person = whole.sums[0, :, 0], whole.sums[0, :, 1]
    assert words.tolist() == [5, 3, 4]
    assert first_person.tolist() == [2, 3, 0]


def test_rates_are_ratios_of_sums():
    values = rates(np.array([[2.0, 50.0, 5.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_array_equal(values, [[25, 100], [np.nan, np.nan]])


def test_redrawn_folds_have_mean_one_and_the_variance_of_their_mean():
    """Of F values with sample variance s2 the redrawn mean has variance s2 / F, without bias."""
    n_folds = np.array([5, 2, 1])
    weights = fold_weights(n_folds, 6, 20_000, stream(1, "weights"))
    assert weights.shape == (3, 20_000, 6)
    np.testing.assert_allclose(weights.sum(axis=2), np.tile(n_folds[:, None], (1, 20_000)))
    np.testing.assert_allclose(weights[0, :, :5].mean(axis=0), 1, atol=0.03)
    assert not weights[0, :, 5].any() and (weights[2, :, 0] == 1).all()
    values = np.array([1.0, 4, 2, 8, 5])
    means = weights[0, :, :5] @ values / 5
    assert means.var() == pytest.approx(values.var(ddof=1) / 5, rel=0.05)


def test_occupied_folds_are_redrawn_wherever_they_stand():
    documents = np.zeros((576, 4), dtype=int)
    documents[0] = [0, 3, 0, 1]
    sums = np.zeros((576, 4, 2), dtype=int)
    sums[0, :, 0] = [0, 30, 0, 20]
    sums[0, :, 1] = [0, 3, 0, 0]
    drawn = redraw(documents, sums, 50, stream(2, "redraw"))
    # F - 1 = 1 of the two folds, twice.
    assert {tuple(row) for row in drawn.draws[:, 0].tolist()} == {(6, 60, 6), (2, 40, 0)}
    assert drawn.totals[0].tolist() == [4, 50, 3]
    assert drawn.several.sum() == 1


def test_interval_of_a_group_covers_the_rate_of_the_source():
    """Documents of 40 words, Poisson counts: the 95% interval of 60 groups misses few of them."""
    rng = stream(3, "coverage")
    hits, trials, rate = 0, 60, 0.05
    chosen = np.arange(576) < 6
    for _ in range(trials):
        documents = np.zeros((576, 8), dtype=int)
        documents[chosen] = 2
        sums = np.zeros((576, 8, 2), dtype=int)
        sums[chosen, :, 0] = 80
        # Sites differ: clustered counts.
        sums[chosen, :, 1] = rng.poisson(80 * rate * rng.gamma(4, 1 / 4, size=(6, 8)))
        drawn = redraw(documents, sums, 200, rng)
        profile = Profile(drawn, ["m"], 0.95)
        profile.add_pair(("a", "b"), (chosen, ~chosen))
        row = profile.table().filter(group="a", measure="m").row(0, named=True)
        hits += row["ci_low"] <= 1000 * rate <= row["ci_high"]
    assert hits >= 0.87 * trials


def test_difference_is_first_less_second_with_the_sizes_of_both(tmp_path):
    totals = np.zeros((576, 3))
    totals[:4] = [[2, 40, 4], [2, 60, 2], [1, 10, 0], [0, 0, 0]]
    drawn = Drawn(totals[:, 0].astype(int), np.arange(576) < 2, totals, totals[None].repeat(3, 0))
    profile = Profile(drawn, ["m"], 0.95)
    profile.add_bins()
    first, second = np.arange(576) < 2, np.arange(576) >= 2
    profile.add_pair(("top", "rest"), (first, second), benchmark="b", selection="s")
    table = profile.table()
    rows = {
        (group, measure): (value, bins, docs, words)
        for group, measure, value, bins, docs, words in table.filter(pl.col("group") != "bin")
        .select("group", "measure", "value", "n_bins", "n_docs", "n_words")
        .rows()
    }
    assert rows["top", "words"] == (25, 2, 4, 100)
    assert rows["top", "m"][0] == pytest.approx(60)
    assert rows["rest", "m"] == (0, 1, 1, 10)
    assert rows["top - rest", "m"] == (pytest.approx(60), 3, 5, 110)
    assert rows["top - rest", "words"][0] == 15
    bins = table.filter(group="bin", measure="m")
    assert bins.height == 576
    assert bins["value"][:4].to_list() == [100, pytest.approx(1000 / 30), 0, None]
    assert bins["ci_low"][1] is not None and bins["ci_low"][2] is None
    write_table(table, tmp_path / "profile.parquet", "influence/lexical_profile")


def bins_of_one(influence, q):
    return pl.DataFrame({"influence": influence, "q_unusual": q}, strict=False)


def test_top_bins_are_those_called_unusual_above_the_median():
    chosen, how = top_bins(bins_of_one([5.0, 0, -5, 0, None], [0.01, 0.9, 0.01, 0.04, None]))
    assert chosen.tolist() == [True, False, False, False, False]
    assert how == "q_unusual < 0.05"


def test_top_bins_are_the_highest_twentieth_where_none_is_called():
    influence = [None, *map(float, range(21))]
    chosen, how = top_bins(bins_of_one(influence, [None] + [0.5] * 21))
    assert np.flatnonzero(chosen).tolist() == [20, 21]
    assert how == "top 5%"


def corpus(folder, ids=("a", "b", "c")):
    topic, format_ = BINS[0]
    fixed = {"topic": topic, "format": format_}
    sample = pl.DataFrame({"doc_id": ["c", "b", "a", "d"], "draw_rank": range(4)}).with_columns(
        **{name: pl.lit(value) for name, value in fixed.items()},
        n_tokens_estimate=1,
        part=pl.Series(["p0", "p0", "p0", "p1"]),
        file=pl.lit("f"),
        row=1,
    )
    write_table(sample, folder / "sample.parquet", "corpus/sample")
    texts = pl.DataFrame(
        [{"doc_id": name, **fixed, "url_domain": None, "text": name * 3} for name in ids],
        schema=polars_schema("corpus/documents"),
    )
    write_table(texts, folder / "documents.parquet", "corpus/documents")
    folds = sample.select("doc_id", fold=pl.col("draw_rank"))
    return folder / "documents.parquet", folder / "sample.parquet", folds, "p0"


def test_every_document_gets_its_fold_whatever_the_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(word_counts, "ROWS_PER_PIECE", 2)
    pieces = list(texts_with_folds(*corpus(tmp_path)))
    assert [piece.height for piece in pieces] == [2, 1]
    found = pl.concat(pieces).select("doc_id", "fold", "text").rows()
    assert found == [("a", 2, "aaa"), ("b", 1, "bbb"), ("c", 0, "ccc")]


@pytest.mark.parametrize("ids", [("a", "b"), ("a", "b", "x"), ("a", "b", "c", "d")])
def test_texts_that_are_not_those_of_the_sample_are_refused(tmp_path, ids):
    with pytest.raises(IntegrityError, match="drew from part p0"):
        list(texts_with_folds(*corpus(tmp_path, ids)))


def test_words_of_any_bins_are_called_no_more_than_five_times_in_a_hundred():
    """Bins differ in words by topic; the interval that holds bins fixed calls most sets of them."""
    rng = np.random.default_rng(5)
    by_topic = np.repeat(rng.uniform(10, 60, 24), 24) + rng.uniform(-3, 3, 576)
    totals = np.stack([np.full(576, 12.0), np.full(576, 1200.0), by_topic], axis=1)
    called = []
    for _ in range(60):
        grid = np.zeros((24, 24), bool)
        for topic in rng.choice(24, 4, replace=False):
            grid[topic, rng.choice(24, 6, replace=False)] = True
        called.append(relabelled_p(totals, grid.ravel(), 99, rng)[1] < 0.05)
    assert np.mean(called) < 0.15
    highest = np.zeros((24, 24), bool)
    highest[np.argsort(-by_topic.reshape(24, 24).mean(axis=1))[:4], :6] = True
    assert relabelled_p(totals, highest.ravel(), 199, rng)[1] < 0.05
