"""Sketches are exact, whatever the shards, and refuse what does not belong together."""

import itertools

import numpy as np
import pytest
import torch

from tests.support import shard_frame, tiny_model, token_documents
from workflow_scripts.attribution import bergson_adapter
from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences
from workflow_scripts.attribution.document_pass import (
    PassSettings,
    RowFile,
    attribute,
    check_gate,
    gate_rows,
)
from workflow_scripts.attribution.query_rows import load_rows
from workflow_scripts.attribution.sketch import load_sketches, write_sketch
from workflow_scripts.attribution.whitening import inverse_root, unit, whiten
from workflow_scripts.common.errors import IntegrityError, NumericsError
from workflow_scripts.common.taxonomy import BINS, bin_index

P, SEED, TOKENS, COUNT = 4, 1, 400, 90


def manifest(shard, **changes):
    base = {"model": "m", "preconditioner": "h", "projection": {"projections": 1}, "bergson": "v"}
    return base | {"shard": shard} | changes


@pytest.fixture(scope="module")
def engine():
    return GradientEngine(tiny_model(), P, SEED)


@pytest.fixture(scope="module")
def roots(engine):
    rng = torch.Generator().manual_seed(0)
    factor = torch.randn(len(engine.modules), P * P, 3 * P * P, generator=rng)
    return inverse_root(factor @ factor.transpose(1, 2) / (3 * P * P), 0.1)


@pytest.fixture(scope="module")
def queries(engine, roots):
    raw = torch.zeros(6, len(engine.modules), engine.block)
    ids = token_documents(6, seed=9, shortest=8)
    engine.stream(Sequences(ids, [4] * 6), raw.__setitem__, TOKENS)
    return unit(whiten(raw, roots)).numpy()


def run_shards(engine, roots, frame, cuts, folder, row_dtype="float32", tokens=TOKENS):
    """Attribute ``frame`` cut at ``cuts``; returns sketch paths and the rows of all shards."""
    settings = PassSettings("mean", row_dtype, tokens)
    paths, rows = [], []
    edges = [0, *cuts, frame.height]
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        part = frame[start:stop]
        shape = (part.height, len(engine.modules) * engine.block)
        folder.mkdir(exist_ok=True, parents=True)
        with RowFile(folder / f"{number}.npy", shape, row_dtype) as kept:
            sums, documents = attribute(engine, roots, part, settings, kept.keep)
        rows.append(load_rows(folder / f"{number}.npy", part.height))
        paths.append(folder / f"{number}.npz")
        write_sketch(paths[-1], sums, documents, manifest(f"s{number:04d}"))
    return paths, np.concatenate(rows)


def bin_scores(sketch, queries):
    """(bins, Q) bin means read from a sketch, float64, NaN for bins without documents."""
    sums = np.zeros((len(BINS), sketch.sums.shape[1]))
    np.add.at(sums, sketch.bins, sketch.sums)
    with np.errstate(invalid="ignore"):
        return sums / sketch.bin_counts()[:, None] @ queries.T.astype(np.float64)


def test_bin_influence_from_the_sketch_is_the_mean_of_document_scores(
    engine, roots, queries, tmp_path
):
    frame = shard_frame(COUNT)
    paths, rows = run_shards(engine, roots, frame, [], tmp_path)
    from_sketch = bin_scores(load_sketches(paths), queries)
    scores = rows.astype(np.float64) @ queries.T
    largest = np.abs(scores).max()
    for bin_, group in frame.with_row_index().group_by("topic", "format"):
        mean = scores[group["index"].to_numpy()].mean(axis=0)
        assert np.abs(from_sketch[bin_index(*bin_)] - mean).max() <= 1e-6 * largest


@pytest.mark.parametrize("cuts", [[45], [10, 11, 70], [30, 60]])
def test_number_of_shards_does_not_change_bin_scores(engine, roots, queries, tmp_path, cuts):
    frame = shard_frame(COUNT)
    whole, rows = run_shards(engine, roots, frame, [], tmp_path / "whole")
    parts, cut_rows = run_shards(engine, roots, frame, cuts, tmp_path / "parts")
    one, many = (bin_scores(load_sketches(paths), queries) for paths in (whole, parts))
    largest = np.abs(rows @ queries.T).max()
    assert np.nanmax(np.abs(one - many)) <= 1e-5 * largest
    assert np.abs((rows - cut_rows) @ queries.T).max() <= 1e-5 * largest


def test_batch_size_does_not_change_bin_scores(engine, roots, queries, tmp_path):
    frame = shard_frame(COUNT)
    large, rows = run_shards(engine, roots, frame, [], tmp_path / "large", tokens=2000)
    small, _ = run_shards(engine, roots, frame, [], tmp_path / "small", tokens=50)
    one, other = (bin_scores(load_sketches(paths), queries) for paths in (large, small))
    assert np.nanmax(np.abs(one - other)) <= 1e-5 * np.abs(rows @ queries.T).max()


@pytest.mark.parametrize(("dtype", "bound"), [("float16", 2e-4), ("bfloat16", 2e-3)])
def test_half_precision_rows_keep_their_tolerances(engine, roots, queries, tmp_path, dtype, bound):
    """The rounding shows in the scores; the sketch sums the rounded rows and agrees with them."""
    frame = shard_frame(COUNT)
    _, exact = run_shards(engine, roots, frame, [], tmp_path / "full")
    paths, rows = run_shards(engine, roots, frame, [], tmp_path / "half", dtype)
    assert rows.dtype.name == dtype
    mapped = load_rows(tmp_path / "half" / "0.npy", COUNT, memory_map=True)
    assert (mapped[3:9].astype(np.float32) == rows[3:9].astype(np.float32)).all()
    assert mapped.nbytes == exact.nbytes // 2
    scores, largest = exact @ queries.T, np.abs(exact @ queries.T).max()
    half = rows.astype(np.float64) @ queries.T
    assert 0 < np.abs(half - scores).max() <= bound * largest
    from_sketch = bin_scores(load_sketches(paths), queries)
    for bin_, group in frame.with_row_index().group_by("topic", "format"):
        mean = half[group["index"].to_numpy()].mean(axis=0)
        assert np.abs(from_sketch[bin_index(*bin_)] - mean).max() <= 1e-5 * largest


def test_cosine_and_dot_variants_are_sums_of_raw_rows(engine, roots, tmp_path):
    frame = shard_frame(30, bins=2, folds=1)
    paths, _ = run_shards(engine, roots, frame, [], tmp_path)
    raw = torch.zeros(30, len(engine.modules), engine.block)
    sequences = Sequences(frame["input_ids"].to_list())
    engine.stream(sequences, raw.__setitem__, TOKENS)
    raw = (raw / torch.as_tensor(sequences.label_counts()).view(-1, 1, 1)).reshape(30, -1).numpy()
    first = (frame["format"] == BINS[0][1]).to_numpy()
    unit_rows = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    for variant, rows in {"dot": raw, "cosine": unit_rows}.items():
        sums = load_sketches(paths, variant).sums
        np.testing.assert_allclose(sums[0], rows[first].sum(axis=0), atol=2e-5, rtol=1e-4)


def test_loss_per_token_and_gradient_norm_come_with_the_sketch(engine, roots, tmp_path):
    frame = shard_frame(12)
    paths, _ = run_shards(engine, roots, frame, [], tmp_path)
    with np.load(paths[0]) as arrays:
        ids, losses = arrays["doc_id"].tolist(), arrays["loss"]
        assert (arrays["gradient_norm"] > 0).all()
    tokens = torch.tensor([frame["input_ids"][3].to_list()])
    with torch.no_grad():
        expected = float(engine.model(tokens, labels=tokens).loss)
    assert ids == frame["doc_id"].to_list()
    assert abs(losses[3] - expected) < 1e-4


def expected_counts(frame):
    places = [bin_index(*pair) for pair in zip(frame["topic"], frame["format"], strict=True)]
    return np.bincount(places, minlength=len(BINS))


def test_incomplete_set_of_sketches_is_refused_by_name(engine, roots, tmp_path):
    frame = shard_frame(COUNT)
    paths, _ = run_shards(engine, roots, frame, [45], tmp_path)
    load_sketches(paths, expected_counts=expected_counts(frame))
    with pytest.raises(IntegrityError, match=r"shards s0000 hold 45 documents, the sample 90"):
        load_sketches(paths[:1], expected_counts=expected_counts(frame))
    with pytest.raises(IntegrityError, match="same shard is there twice"):
        load_sketches([paths[0], paths[0]])


@pytest.mark.parametrize("key", ["preconditioner", "model", "bergson"])
def test_sketches_made_with_different_settings_are_refused_by_name(engine, roots, tmp_path, key):
    frame = shard_frame(20)
    paths, _ = run_shards(engine, roots, frame, [], tmp_path)
    sums, documents = attribute(engine, roots, frame, PassSettings("mean", "float32", TOKENS))
    other = tmp_path / "other.npz"
    write_sketch(other, sums, documents, manifest("s0001", **{key: "another"}))
    with pytest.raises(IntegrityError, match=rf"with {key} .*other.npz with another"):
        load_sketches([paths[0], other])


def test_truncated_sketch_and_truncated_rows_are_refused_by_name(engine, roots, tmp_path):
    paths, _ = run_shards(engine, roots, shard_frame(20), [], tmp_path)
    content = paths[0].read_bytes()
    for cut in (len(content) // 2, len(content) - 10, 0):
        paths[0].write_bytes(content[:cut])
        with pytest.raises(IntegrityError, match=r"0\.npz is damaged or truncated"):
            load_sketches(paths)
    rows = tmp_path / "0.npy"
    rows.write_bytes(rows.read_bytes()[:-100])
    with pytest.raises(IntegrityError, match=r"0\.npy is damaged or truncated"):
        load_rows(rows, 20, memory_map=True)


def test_failed_pass_leaves_no_row_file(engine, roots, tmp_path):
    def fail():
        with RowFile(tmp_path / "rows.npy", (2, 3), "float32"):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_gate_passes_exact_rows_and_stops_wrong_ones_with_the_number(engine, roots, tmp_path):
    frame = shard_frame(20)
    _, rows = run_shards(engine, roots, frame, [], tmp_path)
    chosen = gate_rows(20, 4, seed=3, shard="s0000")
    assert len(set(chosen)) == 4
    ids = [frame["input_ids"][index].to_list() for index in chosen]
    assert check_gate(engine, roots, ids, rows[chosen], 0.999, TOKENS) > 0.99999
    with pytest.raises(NumericsError, match=r"cosine .* below attribution.gate_cosine 0.99"):
        check_gate(engine, roots, ids, rows[chosen[::-1]], 0.99, TOKENS)


def test_sums_stay_in_the_machines_memory_and_batches_are_bounded_in_rows(
    engine, roots, tmp_path, monkeypatch
):
    """Many short documents fit the tokens of a batch; their rows must fit the GPU too."""
    monkeypatch.setattr(bergson_adapter, "ROW_BYTES", 5 * 4 * len(engine.modules) * engine.block)
    sizes = []
    frame = shard_frame(40)

    def keep(indices, rows):
        sizes.append(len(indices))

    settings = PassSettings("mean", "float32", 4096)
    few, _ = attribute(engine, roots, frame, settings, keep)
    assert sum(sizes) == 40
    assert max(sizes) == 5
    monkeypatch.undo()
    many, _ = attribute(engine, roots, frame, settings)
    for variant, sums in many.sums.items():
        assert sums.device.type == "cpu"
        assert (sums - few.sums[variant]).abs().max() <= 1e-5 * sums.abs().max()


def test_bfloat16_model_passes_the_gate_against_float32(roots, tmp_path):
    model = tiny_model()
    frame = shard_frame(12)
    half = GradientEngine(tiny_model().to(torch.bfloat16), P, SEED)
    _, rows = run_shards(half, roots, frame, [], tmp_path)
    ids = frame["input_ids"].to_list()
    lowest = check_gate(GradientEngine(model, P, SEED), roots, ids, rows, 0.9, TOKENS)
    assert 0.9 < lowest < 0.99999
