"""The second document pass: the same seed gives the study's map, another one its own."""

import itertools
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tests.support import shard_frame, tiny_model
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.validation.maps.scorer_maps import agreement, agreement_rows
from workflow_scripts.validation.projection.second_projection import second_pass

SEED, TOKENS, COUNT = 1, 400, 60


def questions(count=4):
    """Each asks for the text of one of the documents, so that a map has something to find."""
    ids = [tokens for tokens in shard_frame(COUNT)["input_ids"].to_list() if len(tokens) > 8]
    return pl.DataFrame(
        {
            "query_id": [f"t/{index}" for index in range(count)],
            "gold": [0] * count,
            "choices": [["a", "b"]] * count,
            "choice_input_ids": [ids[2 * row : 2 * row + 2] for row in range(count)],
            "choice_start": [[4, 4]] * count,
        }
    )


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """The same documents as one shard and as two."""
    folder, frame = tmp_path_factory.mktemp("shards"), shard_frame(COUNT)
    paths = {}
    for name, cuts in {"one": [0, COUNT], "two": [0, 25, COUNT]}.items():
        paths[name] = []
        for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
            path = folder / f"{name}-s{number:04d}.parquet"
            write_table(frame[start:stop], path, "corpus/shards")
            paths[name].append(str(path))
    return paths


def passed(shards, seed=SEED, p=4):
    """Group means and document scores of one benchmark under a projection."""
    params = SimpleNamespace(
        projection_dim=p,
        documents=0,
        seed_preconditioner=5,
        loss_reduction="mean",
        damping=0.1,
        tokens_per_batch=TOKENS,
        row_dtype="float32",
        targets={"b": "gold"},
    )
    engine = GradientEngine(tiny_model(), p, seed)
    maps, scores = second_pass(engine, shards, {"b": questions()}, params)
    return maps["b"], scores["b"]


@pytest.fixture(scope="module")
def first(shards):
    return passed(shards["one"])


def test_map_of_the_pass_is_the_mean_of_its_document_scores(shards, first):
    groups, scores = first
    both = scores.join(shard_frame(COUNT), on="doc_id")
    means = groups.means.mean(axis=1)
    for bin_, fold, value in zip(groups.bins, groups.folds, means, strict=True):
        topic, format_ = BINS[bin_]
        mine = both.filter(topic=topic, format=format_, fold=int(fold))["score"].to_numpy()
        assert value == pytest.approx(mine.mean(), abs=1e-6)


def test_the_same_seed_gives_the_same_scores_however_the_documents_are_cut(shards, first):
    _, again = passed(shards["two"])
    both = first[1].join(again, on="doc_id", suffix="_again")
    assert both.height == COUNT
    assert (both["score"] - both["score_again"]).abs().max() < 1e-5 * both["score"].abs().max()


def test_another_seed_gives_another_map_and_larger_projections_agree_better(shards, first):
    agreements = []
    for p in (2, 12):
        scores = [
            passed(shards["one"], seed, p)[1].sort("doc_id")["score"].to_numpy() for seed in (1, 2)
        ]
        agreements.append(np.corrcoef(*scores)[0, 1])
    assert agreements[0] + 0.2 < agreements[1] < 0.999  # measured: 0.50 and 0.96


def test_agreement_counts_common_bins_and_documents_and_is_null_without_rows():
    topics, formats = zip(*BINS, strict=True)

    def table(values):
        columns = {"benchmark": "b", "topic": topics, "format": formats, "influence": values}
        return pl.DataFrame(columns).fill_nan(None)

    rng = np.random.default_rng(0)
    x = rng.normal(size=len(BINS))
    y = x + rng.normal(size=len(BINS))
    y[:6] = np.nan
    own = pl.DataFrame({"doc_id": ["p", "q", "r", "s"], "score": [1.0, 2.0, 3.0, 4.0]})
    other = own[::-1].with_columns(score=pl.Series([8.0, 6.0, 4.0, 2.0]))
    (row,) = agreement_rows(table(x), table(y), {"b": own}, {"b": other})
    assert row["n_bins"] == len(BINS) - 6
    assert row["pearson"] == pytest.approx(np.corrcoef(x[6:], y[6:])[0, 1])
    # Joined by document, not by place: the other pass has them in another order.
    assert (row["n_documents"], row["pearson_documents"]) == (4, pytest.approx(1.0))
    (row,) = agreement_rows(table(x), table(y), {}, {"b": other})
    assert row["n_documents"] == 0
    assert row["pearson_documents"] is row["spearman_documents"] is None
    assert agreement(np.array([1.0, 2.0]), np.array([2.0, 1.0])) == (2, None, None)
