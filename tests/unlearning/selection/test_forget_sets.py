"""Forget sets by their definition: who is eligible, how alike the arms are, what is refused."""

import itertools

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.unlearning.made_up import topic_documents
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.unlearning.arms import (
    BOTTOM,
    COMPARED,
    LONGEST,
    LOW,
    OTHER,
    RANDOM,
    SIMILAR,
    TARGETED,
)
from workflow_scripts.unlearning.selection.forget_sets import (
    COVARIATES,
    SetSettings,
    balance,
    check_disjoint,
    control_set,
    forget_sets,
    retain_set,
)

ARMS = (TARGETED, RANDOM, LOW, BOTTOM)
SIZE = 8
SETTINGS = SetSettings(documents=SIZE, retain_documents=20)
WHERE = "topic 't' (benchmark 'b')"


def chosen(documents=None, settings=SETTINGS, seed=1):
    return forget_sets(
        topic_documents(80) if documents is None else documents, settings, seed, WHERE
    )


def ids(rows):
    return set(rows["doc_id"])


def spreads(documents):
    return {column: documents[column].std() for column in COVARIATES}


def pairs_of(sets, arm=LOW):
    """Matched documents beside their targeted ones."""
    return sets[arm].join(
        sets[TARGETED], left_on="matched_to", right_on="doc_id", suffix="_targeted"
    )


def ranks(documents):
    """Rank of each document by score, 0 = highest."""
    ordered = documents.sort("score", descending=True)["doc_id"].to_list()
    return {doc_id: rank for rank, doc_id in enumerate(ordered)}


@pytest.mark.parametrize("seed", range(4))
def test_arms_are_equally_large_disjoint_and_of_the_topic(seed):
    documents = topic_documents(80, seed)
    sets = chosen(documents)
    assert set(sets) == set(ARMS)
    assert [sets[arm].height for arm in ARMS] == [SIZE] * 4
    assert len(ids(sets[TARGETED]) | ids(sets[LOW]) | ids(sets[BOTTOM])) == 3 * SIZE
    assert not ids(sets[TARGETED]) & ids(sets[RANDOM])
    for rows in sets.values():
        expected = documents.filter(pl.col("doc_id").is_in(ids(rows))).sort("doc_id")
        assert_frame_equal(rows.drop("matched_to"), expected)


def test_bottom_holds_the_lowest_and_targeted_the_highest_influence():
    documents = topic_documents(80)
    sets, rank = chosen(documents), ranks(documents)
    assert {rank[i] for i in ids(sets[BOTTOM])} == set(range(80 - SIZE, 80))
    assert max(rank[i] for i in ids(sets[TARGETED])) < 40
    assert sets[TARGETED]["score"].min() > sets[LOW]["score"].max()
    assert sets[LOW]["score"].min() > sets[BOTTOM]["score"].max()


def test_targeted_are_exactly_the_highest_where_every_document_has_a_control():
    """All documents alike: nobody is passed over."""
    documents = topic_documents(40, formats=["a"]).with_columns(n_tokens=100, loss=2.0)
    sets, rank = chosen(documents), ranks(documents)
    assert {rank[i] for i in ids(sets[TARGETED])} == set(range(SIZE))


def test_a_document_without_a_control_is_passed_over_for_the_next_highest():
    """The two highest are of a format that no control has, or far too long."""
    documents = topic_documents(40, formats=["a"]).with_columns(loss=2.0, n_tokens=100)
    top = documents.sort("score", descending=True)["doc_id"].to_list()
    documents = documents.with_columns(
        format=pl.when(doc_id=top[0]).then(pl.lit("rare")).otherwise("format"),
        n_tokens=pl.when(doc_id=top[1]).then(9000).otherwise("n_tokens"),
    )
    assert ids(chosen(documents)[TARGETED]) == set(top[2 : SIZE + 2])


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_low_controls_come_from_the_lower_share_of_the_topic_alone(share):
    documents = topic_documents(100, 3, formats=["a"])
    settings = SetSettings(SIZE, 20, control_share=share)
    sets, rank = chosen(documents, settings), ranks(documents)
    first = 100 - round(100 * share)
    assert min(rank[i] for i in ids(sets[LOW])) >= first
    assert max(rank[i] for i in ids(sets[TARGETED])) < first


@pytest.mark.parametrize("arm", [LOW, RANDOM])
@pytest.mark.parametrize("seed", range(6))
def test_formats_of_matched_arms_are_those_of_targeted_one_to_one(seed, arm):
    sets = chosen(topic_documents(80, seed))
    pairs = pairs_of(sets, arm)
    assert pairs.height == SIZE
    assert (pairs["format"] == pairs["format_targeted"]).all()
    assert sorted(sets[arm]["matched_to"]) == sorted(sets[TARGETED]["doc_id"])
    assert sets[TARGETED]["matched_to"].null_count() == SIZE
    assert sets[BOTTOM]["matched_to"].null_count() == SIZE


@pytest.mark.parametrize("arm", [LOW, RANDOM])
@pytest.mark.parametrize("seed", range(6))
def test_every_pair_lies_within_the_caliper(seed, arm):
    documents = topic_documents(80, seed)
    pairs = pairs_of(chosen(documents), arm)
    for column, spread in spreads(documents).items():
        difference = (pairs[column] - pairs[f"{column}_targeted"]).abs() / spread
        assert difference.max() <= SETTINGS.caliper + 1e-9


def test_the_order_of_the_rows_does_not_matter():
    documents = topic_documents(80)
    turned = documents.sample(fraction=1.0, shuffle=True, seed=3)
    for arm, rows in chosen(documents).items():
        assert_frame_equal(rows, chosen(turned)[arm])


def test_random_controls_are_of_any_influence_and_others_with_every_seed():
    """They came from the lower half by influence, and were the same under every seed."""
    documents = topic_documents(200)
    rank, means, sets = ranks(documents), [], []
    for seed in range(20):
        random = ids(chosen(documents, seed=seed)[RANDOM])
        means.append(np.mean([rank[i] / 199 for i in random]))
        sets.append(frozenset(random))
    # Of the others the mean rank is 0.52; longer and easier ones, which match, rank higher.
    assert 0.35 < np.mean(means) < 0.6
    assert len(set(sets)) == 20
    assert np.mean([len(a & b) for a, b in itertools.pairwise(sets)]) < SIZE / 2


def test_random_sets_are_alike_on_average_to_the_targeted_ones():
    """With every seed and topic within the bound that counts as matched."""
    for seed in range(8):
        documents = topic_documents(120, seed)
        report = balance(chosen(documents, seed=seed), documents, 0.25)
        assert report[RANDOM]["matched"]


def test_further_arms_hold_what_there_is_most_of():
    rng = stream(9, "further")
    documents = topic_documents(80).with_columns(
        words=pl.Series(rng.random(80)), score_other=pl.Series(rng.random(80))
    )
    sets = forget_sets(documents, SETTINGS, 1, WHERE, COMPARED)
    assert list(sets) == [TARGETED, *COMPARED]
    for arm, column in ((SIMILAR, "words"), (OTHER, "score_other"), (LONGEST, "n_tokens")):
        order = documents.sort([column, "doc_id"], descending=[True, False])
        assert ids(sets[arm]) == set(order["doc_id"][:SIZE])
        assert sets[arm]["matched_to"].null_count() == SIZE
    assert_frame_equal(
        sets[TARGETED].select(*chosen().get(TARGETED).columns[:-1]),
        chosen()[TARGETED].drop("matched_to"),
    )


def test_an_arm_that_is_not_asked_for_is_not_made():
    sets = forget_sets(topic_documents(80), SETTINGS, 1, WHERE, (RANDOM,))
    assert list(sets) == [TARGETED, RANDOM]
    assert_frame_equal(sets[RANDOM], chosen()[RANDOM])


def test_the_seed_draws_the_candidates_of_the_low_controls():
    documents = topic_documents(200, formats=["a"])
    settings = SetSettings(SIZE, 20, candidates=2, caliper=3.0)
    first, second = (chosen(documents, settings, seed) for seed in (1, 2))
    assert ids(first[BOTTOM]) == ids(second[BOTTOM])
    assert ids(first[LOW]) != ids(second[LOW])


def test_equal_scores_are_ranked_by_id():
    documents = topic_documents(40, formats=["a"]).with_columns(score=0.0, n_tokens=100, loss=2.0)
    assert ids(chosen(documents)[TARGETED]) == set(sorted(documents["doc_id"])[:SIZE])


def nearest_in_order(documents, sets):
    """Controls chosen one after the other, each the nearest of its format that is left."""
    ordered = documents.sort(["score", "doc_id"], descending=[True, False])
    free = ordered[documents.height // 2 : documents.height - SIZE].to_dicts()
    spread, taken = spreads(documents), []
    for own in sets[TARGETED].sort("score", descending=True).to_dicts():
        same = [row for row in free if row["format"] == own["format"]]
        best = min(
            same, key=lambda row: sum(((row[c] - own[c]) / spread[c]) ** 2 for c in COVARIATES)
        )
        free.remove(best)
        taken.append(best)
    return sets | {LOW: pl.DataFrame(taken)}


def worst(report):
    return max(abs(report[LOW][column]) for column in COVARIATES)


def test_balance_is_better_than_of_nearest_neighbours_taken_in_order():
    better = []
    for seed in range(10):
        documents = topic_documents(120, seed)
        sets = chosen(documents)
        own = worst(balance(sets, documents, 0.25))
        naive = worst(balance(nearest_in_order(documents, sets), documents, 0.25))
        better.append((own, naive))
    assert np.mean([own for own, _ in better]) < np.mean([naive for _, naive in better])
    assert sum(own <= naive for own, naive in better) >= 8


def test_balance_is_the_difference_of_the_means_over_the_topics_spread():
    documents = topic_documents(80)
    sets = chosen(documents)
    report = balance(sets, documents, 0.25)
    for arm in (RANDOM, LOW, BOTTOM):
        for column, spread in spreads(documents).items():
            expected = (sets[TARGETED][column].mean() - sets[arm][column].mean()) / spread
            assert report[arm][column] == pytest.approx(expected)
    # Targeted is longer and easier by construction, and bottom the contrary.
    assert report[BOTTOM]["n_tokens"] > 0 > report[BOTTOM]["loss"]


@pytest.mark.parametrize(("limit", "matched"), [(10.0, True), (0.001, False)])
def test_matched_means_that_no_covariate_differs_beyond_the_limit(limit, matched):
    documents = topic_documents(80)
    report = balance(chosen(documents), documents, limit)
    assert report[BOTTOM]["matched"] is matched


def test_covariates_that_do_not_vary_do_not_divide_by_zero():
    documents = topic_documents(40, formats=["a"]).with_columns(n_tokens=50, loss=1.0)
    sets = chosen(documents)
    report = balance(sets, documents, 0.25)
    assert report[RANDOM] == report[LOW] == {"n_tokens": 0.0, "loss": 0.0, "matched": True}


@pytest.mark.parametrize(
    ("documents", "settings", "words"),
    [
        (
            topic_documents(3 * SIZE - 1),
            SETTINGS,
            ["has 23 documents", "unlearning.documents (8)", "need 24"],
        ),
        (
            topic_documents(40).with_columns(format=pl.col("doc_id")),
            SETTINGS,
            ["0 of the 20", "unlearning.documents", "unlearning.caliper", "control_share"],
        ),
        (
            topic_documents(40, formats=["a"]),
            SetSettings(SIZE, 20, caliper=1e-9),
            ["unlearning.documents asks for 8", "unlearning.caliper"],
        ),
        (
            topic_documents(40, formats=["a"]),
            SetSettings(SIZE, 20, control_share=0.01),
            ["0 of the 32", "unlearning.control_share"],
        ),
    ],
    ids=["small topic", "no format in common", "caliper", "control share"],
)
def test_what_cannot_be_matched_is_one_line_with_the_keys(documents, settings, words):
    with pytest.raises(DataError) as caught:
        chosen(documents, settings)
    message = str(caught.value)
    assert "\n" not in message
    for word in [WHERE, *words]:
        assert word in message


def test_a_topic_of_exactly_three_sets_is_enough():
    documents = topic_documents(3 * SIZE, formats=["a"]).with_columns(n_tokens=50, loss=1.0)
    sets = chosen(documents, SetSettings(SIZE, 20, control_share=2 / 3))
    assert [sets[arm].height for arm in ARMS] == [SIZE] * 4


def working_set(count=300):
    rng = stream(5, "working set")
    return topic_documents(count).with_columns(topic=pl.Series(rng.choice(["t", "u", "v"], count)))


def test_the_retain_set_has_its_size_and_nothing_forgotten():
    documents = working_set()
    forgotten = set(documents["doc_id"][:100])
    rows = retain_set(documents, forgotten, SETTINGS, 1)
    assert rows.height == 20 and not ids(rows) & forgotten
    check_disjoint(rows, {TARGETED: documents[:100]})


def test_two_topics_share_the_retain_set_but_for_what_they_forget():
    """The order knows nothing of topics: each passes over its own and draws the next."""
    documents = working_set()
    whole = ids(retain_set(documents, set(), SETTINGS, 1))
    forgotten = {"t": set(sorted(whole)[:3]), "u": set(sorted(whole)[3:5])}
    for own in forgotten.values():
        rows = retain_set(documents, own, SETTINGS, 1)
        assert whole - own <= ids(rows)
        assert rows.height == 20
    turned = documents.sample(fraction=1.0, shuffle=True, seed=3)
    assert ids(retain_set(turned, set(), SETTINGS, 1)) == whole
    assert ids(retain_set(documents, set(), SETTINGS, 2)) != whole


def test_the_retain_set_is_drawn_from_all_topics_in_proportion():
    documents = working_set()
    rows = retain_set(documents, set(), SetSettings(SIZE, 150), 1)
    shares = rows["topic"].value_counts().sort("topic")["count"].to_numpy() / 150
    expected = documents["topic"].value_counts().sort("topic")["count"].to_numpy() / 300
    # 150 of 300 without replacement: a standard error of 0.027.
    np.testing.assert_allclose(shares, expected, atol=0.1)


def test_too_small_a_working_set_is_refused_by_key():
    documents = working_set(30)
    with pytest.raises(DataError, match=r"19 documents are in no forget set; .*retain_documents"):
        retain_set(documents, set(documents["doc_id"][:11]), SETTINGS, 1)
    with pytest.raises(DataError, match=r"has 27 documents; unlearning\.documents \(8\)"):
        control_set(documents[:27], SETTINGS, 1)
    assert control_set(documents[:28], SETTINGS, 1).height == SIZE


def test_a_retain_set_that_overlaps_a_forget_set_is_refused():
    documents = working_set()
    with pytest.raises(DataError) as caught:
        check_disjoint(documents[:20], {TARGETED: documents[30:40], BOTTOM: documents[18:25]})
    both = min(documents["doc_id"][18:20])
    assert repr(both) in str(caught.value)
    assert "'bottom' (2 in all)" in str(caught.value)


def test_the_control_set_depends_on_the_ids_and_the_seed_alone():
    documents = working_set()
    whole = ids(control_set(documents, SETTINGS, 1))
    other = documents.with_columns(topic=pl.lit("w"), score=-pl.col("score")).reverse()
    assert ids(control_set(other, SETTINGS, 1)) == whole
    assert ids(control_set(documents, SETTINGS, 2)) != whole
    assert len(whole) == SIZE
    assert len(set(documents.filter(pl.col("doc_id").is_in(whole))["topic"])) > 1


def test_control_and_retain_are_drawn_apart():
    """Two purposes of one seed: their first documents differ."""
    documents = working_set()
    retained = ids(retain_set(documents, set(), SetSettings(SIZE, SIZE), 1))
    assert retained != ids(control_set(documents, SETTINGS, 1))
