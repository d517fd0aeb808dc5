import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.streamed_tables import table_pieces, table_writer
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.corpus.sampling.external_sort import RECORD, KeyRuns, split_copies
from workflow_scripts.corpus.sampling.keyed_draw import BinDraw, bottom_k
from workflow_scripts.corpus.sampling.sample_bins import draw_sample
from workflow_scripts.tools.bench import measure_sampling


def records(count, seed=0, ids=None):
    """Records of made-up documents; ``ids`` distinct ids, so some come up several times."""
    rng = stream(seed, "records")
    owner = rng.integers(ids or 10 * count, size=count)
    found = np.zeros(count, RECORD)
    found["key"] = stream(1, "keys").integers(2**64, size=10 * count, dtype=np.uint64)[owner]
    found["check"] = owner
    found["bin"] = rng.integers(5, size=count)
    found["file"] = rng.integers(3, size=count)
    found["index"] = np.arange(count)
    return found


def test_ranges_give_every_record_once_in_the_order_of_keys(tmp_path):
    all_of_them = records(5000)
    with KeyRuns(tmp_path, 5000, rows_per_range=700) as runs:
        for piece in np.array_split(all_of_them, 7):
            runs.add(piece)
        ranges = list(runs.ranges())
    assert len(ranges) == 8
    assert max(map(len, ranges)) < 1000
    found = np.concatenate(ranges)
    assert np.array_equal(found["key"], np.sort(all_of_them["key"]))
    assert np.array_equal(np.sort(found["index"]), np.arange(5000))
    assert not list(tmp_path.iterdir())


def test_empty_corpus_has_one_empty_range(tmp_path):
    with KeyRuns(tmp_path, 0) as runs:
        assert [len(part) for part in runs.ranges()] == [0]


def test_first_copy_by_bin_file_and_row_is_kept_whatever_the_order():
    found = records(3000, ids=800)
    place = np.array([2, 0, 1])
    expected = {}
    for one in found:
        mark = (one["bin"], place[one["file"]], one["index"])
        expected[one["check"]] = min(expected.get(one["check"], mark), mark)
    for seed in range(3):
        mixed = stream(seed, "mix").permutation(found)
        mixed = mixed[np.argsort(mixed["key"], kind="stable")]
        kept, copies = split_copies(mixed, place)
        assert {r["check"]: (r["bin"], place[r["file"]], r["index"]) for r in kept} == expected
        assert (np.diff(kept["key"].astype(float)) >= 0).all()
        assert len(kept) + len(copies) == 3000
        assert np.array_equal(copies[:, 0]["check"], copies[:, 1]["check"])


def test_ids_of_equal_keys_are_no_copies():
    found = np.zeros(3, RECORD)
    found["check"] = [1, 2, 2]
    kept, copies = split_copies(found, np.array([0]))
    assert (sorted(kept["check"]), len(copies)) == ([1, 2], 1)


def test_bin_draw_keeps_the_smallest_keys_and_every_tie_at_the_border():
    found = np.zeros(5, RECORD)
    found["key"] = [1, 2, 2, 3, 4]
    found["bin"] = [0, 0, 0, 0, 1]
    drawn = BinDraw(2)
    for piece in (found[:3], found[3:]):
        drawn.add(piece)
    assert sorted(drawn.records()["key"]) == [1, 2, 2, 4]
    assert drawn.available[:2].tolist() == [4, 1]
    assert drawn.available_frame().rows() == [(*BINS[0], 4), (*BINS[1], 1)]


@pytest.fixture(scope="module")
def made_up_manifests(tmp_path_factory):
    """The same 20,000 rows in 1, 4 and 16 parts."""
    folder = tmp_path_factory.mktemp("manifests")
    found = {}
    for parts in (1, 4, 16):
        (folder / str(parts)).mkdir()
        found[parts] = measure_sampling.write_manifests(folder / str(parts), 20_000, parts, 4.0)
    return found


@pytest.mark.parametrize("parts", [1, 4, 16])
def test_sample_is_the_bottom_k_of_all_rows_for_any_number_and_order_of_parts(
    made_up_manifests, tmp_path, parts
):
    paths = made_up_manifests[parts]
    whole = pl.concat(pl.read_parquet(path) for path in made_up_manifests[1])
    expected = bottom_k(whole, 20, 42).select("doc_id", "topic", "format", "file", "row")
    for order in (paths, paths[::-1]):
        drawn, available, repeated, _ = draw_sample(order, order, 20, 42, tmp_path)
        found = drawn.select(expected.columns).cast(expected.schema)
        assert found.equals(expected)
        assert repeated == 0
        counts = whole.group_by("topic", "format").len("n_available").sort("topic", "format")
        assert available.equals(counts.cast({"n_available": pl.Int64}))


@pytest.mark.slow
def test_measure_draws_equal_samples_and_leaves_nothing(tmp_path, capsys):
    assert measure_sampling.measure(16_000, 50, 3.0, [1, 2], tmp_path)
    assert not list(tmp_path.iterdir())
    assert "samples of all runs are equal" in capsys.readouterr().out


def test_streamed_table_is_read_back_and_refuses_pieces_out_of_order(tmp_path):
    piece = measure_sampling.made_up_rows(0, 0, 100, 2.0)
    path = tmp_path / "m.parquet"
    with table_writer(path, "corpus/manifest") as table:
        table.write(piece[:60])
        table.write(piece[60:])
    columns = piece.columns
    pieces = list(table_pieces(path, "corpus/manifest", columns, rows=30))
    assert [p.height for p in pieces] == [30, 30, 30, 10]
    assert pl.concat(pieces).equals(piece)
    with (
        pytest.raises(DataError, match="out of the order of file, row"),
        table_writer(tmp_path / "n.parquet", "corpus/manifest") as table,
    ):
        table.write(piece[60:])
        table.write(piece[:60])
    assert [p.name for p in tmp_path.iterdir()] == ["m.parquet"]
