"""Components of alike documents and their folds."""

import numpy as np
import polars as pl
import pytest

from tests.support import rule_call
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.corpus.folds import deal_folds
from workflow_scripts.corpus.folds.dealing import deal, number_components

WORDS = [f"w{i}" for i in range(400)]


def texts(count, seed=0):
    rng = stream(seed, "texts")
    return [" ".join(rng.choice(WORDS, size=80)) for _ in range(count)]


def nearly(text, number):
    words = text.split()
    return " ".join([*words[:40], f"case{number}", *words[41:]])


def documents(sites, found, bin_=BINS[0]):
    return pl.DataFrame(
        {
            "doc_id": [f"{bin_[0]}-{place}" for place in range(len(sites))],
            "topic": bin_[0],
            "format": bin_[1],
            "url_domain": sites,
            "text": found,
        },
        schema_overrides={"url_domain": pl.String},
    )


def run(folder, frames, folds=3, extra=()):
    """The table of folds of a working set drawn in the order of the rows."""
    sample = pl.concat(frames).with_row_index("draw_rank").drop("url_domain", "text")
    sample = pl.concat([sample, *extra]).with_columns(
        pl.col("draw_rank").cast(pl.Int64), n_tokens_estimate=1, part=pl.lit("p"), file=pl.lit("f")
    )
    write_table(sample.with_columns(row=1), folder / "sample.parquet", "corpus/sample")
    paths = []
    for number, frame in enumerate(frames):
        paths.append(str(folder / f"{number}.parquet"))
        write_table(frame, paths[-1], "corpus/documents")
    call = rule_call(
        "deal_folds",
        input={"sample": str(folder / "sample.parquet"), "documents": paths},
        output={"folds": folder / "folds.parquet"},
        params={"threshold": 0.8, "folds": folds},
    )
    deal_folds.main(call)
    return read_table(folder / "folds.parquet", "corpus/folds")


def test_sites_are_dealt_whole_in_order_of_first_rank():
    sites = ["x", "y", "x", None, None, "z", "y"]
    component = number_components(sites, [])
    assert component.tolist() == [0, 1, 0, 2, 3, 4, 1]
    assert deal(component, 3).tolist() == [0, 1, 0, 2, 0, 1, 1]


def test_near_duplicates_of_two_sites_are_one_component():
    """They counted as independent: a tenth of a bin in one such group covered 79%."""
    sites = ["x", "y", "z", "y", None]
    assert number_components(sites, [(2, 0)]).tolist() == [0, 1, 0, 1, 2]
    # The fourth links x and y: all of both.
    assert number_components(sites, [(2, 0), (3, 2)]).tolist() == [0, 0, 0, 0, 2]


def test_a_larger_draw_keeps_components_but_for_those_that_it_links():
    rng = stream(1, "nested")
    sites = [f"s{i}" if i < 60 else None for i in rng.integers(0, 80, 200)]
    pairs = [(b, a) for a, b in np.sort(rng.integers(0, 200, (25, 2)), axis=1) if a != b]
    large = number_components(sites, pairs)
    for k in (1, 20, 100):
        small = number_components(sites[:k], [pair for pair in pairs if pair[0] < k])
        changed = set(small[small != large[:k]])
        # A changed component has merged into one of a smaller number, all of it.
        for number in changed:
            mine = np.flatnonzero(small == number)
            assert len(set(large[mine])) == 1 and large[mine[0]] < number
        assert len(changed) < 12


def test_a_draw_of_no_near_duplicates_has_the_folds_of_its_sites(tmp_path):
    rng = stream(2, "plain")
    sites = [f"s{i}" if i < 8 else None for i in rng.integers(0, 12, 40)]
    table = run(tmp_path, [documents(sites, texts(40))], folds=5).sort("doc_id")
    first: dict = {}
    order = [first.setdefault(site or place, len(first)) for place, site in enumerate(sites)]
    found = dict(zip(table["doc_id"], table["fold"], strict=True))
    assert [found[f"{BINS[0][0]}-{place}"] for place in range(40)] == [n % 5 for n in order]
    assert table["likeness"].n_unique() == 40


def test_near_duplicates_are_found_within_a_bin_and_across_parts(tmp_path):
    one, two = texts(2, seed=3)
    first = documents(["a", "b", "c"], [one, two, nearly(one, 1)])
    second = documents(["a"], [nearly(one, 2)], BINS[100])
    third = documents(["d"], [nearly(two, 3)]).with_columns(doc_id=pl.lit("other part"))
    table = run(tmp_path, [first, second, third])
    rows = {row["doc_id"]: row for row in table.iter_rows(named=True)}
    component = {name: row["component"] for name, row in rows.items()}
    a, b, c = (f"{BINS[0][0]}-{place}" for place in range(3))
    assert component == {a: 0, b: 1, c: 0, f"{BINS[100][0]}-0": 0, "other part": 1}
    assert rows[a]["likeness"] == rows[c]["likeness"] != rows[b]["likeness"]


def test_a_document_without_text_is_reported(tmp_path):
    lost = pl.DataFrame(
        {"draw_rank": [9], "doc_id": ["lost"], "topic": [BINS[0][0]], "format": [BINS[0][1]]}
    ).cast({"draw_rank": pl.UInt32})
    with pytest.raises(IntegrityError, match="'lost'"):
        run(tmp_path, [documents(["a"], texts(1))], extra=[lost])
