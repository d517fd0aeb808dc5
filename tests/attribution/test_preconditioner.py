"""The preconditioner: its draw, its files, and the refusal of one that does not belong."""

import numpy as np
import polars as pl
import pytest

from tests.support import tiny_model, token_documents
from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.compatibility import check_same
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import read_json, write_json

P, SEED = 4, 1


def documents(sizes):
    """doc ids over bins a, b, c ... with the given numbers of documents."""
    rows = [(f"{name}{index}", name) for name, size in sizes.items() for index in range(size)]
    return pl.DataFrame(
        {"doc_id": [row[0] for row in rows], "topic": [row[1] for row in rows], "format": "f"}
    )


def test_draw_takes_all_documents_where_there_are_fewer_than_wanted():
    assert preconditioner.documents_wanted(100, 16, 0) == 100
    assert preconditioner.documents_wanted(10_000, 16, 0) == 20 * 256
    assert preconditioner.documents_wanted(10_000, 16, 30) == 30
    drawn = preconditioner.stratified_draw(documents({"a": 3, "b": 4}), 7, 0)
    assert drawn.tolist() == list(range(7))


def test_draw_is_even_over_bins_and_short_bins_give_all():
    frame = documents({"a": 50, "b": 3, "c": 50})
    drawn = frame[preconditioner.stratified_draw(frame, 23, 5)]
    counts = dict(drawn["topic"].value_counts().iter_rows())
    assert counts["b"] == 3
    assert counts["a"] == counts["c"] == 10


def test_draw_is_seeded_and_never_the_first_rows():
    frame = documents({"a": 100, "b": 100})
    draws = [preconditioner.stratified_draw(frame, 20, seed).tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] != list(range(20))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preconditioner")
    engine = GradientEngine(tiny_model(), P, SEED)
    moments, stability = preconditioner.fit(
        engine, token_documents(40), reduction="mean", damping=0.1, tokens_per_batch=400
    )
    files = folder / "moments.safetensors", folder / "settings.json"
    preconditioner.write(files[0], engine, moments)
    settings = preconditioner.settings_record(engine, "model-digest", "mean", 0.1, stability)
    digest = preconditioner.manifest_of(files[0], settings)["preconditioner"]
    write_json(files[1], settings | {"digest": digest})
    return engine, moments, files


def test_fit_records_how_stable_it_is(fitted):
    settings = read_json(fitted[2][1])
    assert settings["documents"] == 40
    cosines = settings["half_sample_cosine"]
    assert 0 < cosines["minimum"] <= cosines["median"] <= 1


def test_fit_does_not_depend_on_batches(fitted):
    engine, moments, _ = fitted
    again, _ = preconditioner.fit(
        engine, token_documents(40), reduction="mean", damping=0.1, tokens_per_batch=80
    )
    scale = moments.abs().amax(dim=(1, 2), keepdim=True)
    assert ((again - moments).abs() / scale).max() < 1e-5


def test_sum_reduction_weights_long_documents_by_their_length(fitted):
    engine, _moments, _ = fitted
    docs = [ids[:20] for ids in token_documents(40, shortest=20)]
    fits = [
        preconditioner.fit(engine, docs, reduction=kind, damping=0.1, tokens_per_batch=400)[0]
        for kind in ("mean", "sum")
    ]
    np.testing.assert_allclose(fits[1].numpy(), 19**2 * fits[0].numpy(), rtol=1e-4, atol=1e-9)


def test_written_preconditioner_is_read_back_with_its_digest(fitted):
    engine, moments, files = fitted
    loaded = preconditioner.load(*files)
    assert loaded.manifest["model"] == "model-digest"
    assert loaded.manifest["projection"]["modules"] == len(engine.modules)
    assert loaded.roots.shape == moments.shape


def test_damaged_or_foreign_moments_are_refused(fitted, tmp_path):
    engine, moments, files = fitted
    other = tmp_path / "moments.safetensors"
    preconditioner.write(other, engine, moments * 2)
    with pytest.raises(IntegrityError, match="is not the file that"):
        preconditioner.load(other, files[1])
    other.write_bytes(files[0].read_bytes()[:-50])
    with pytest.raises(IntegrityError, match="is damaged"):
        preconditioner.load(other, files[1])


def test_artifacts_of_two_preconditioners_are_refused_by_name_and_value(fitted):
    manifest = preconditioner.load(*fitted[2]).manifest
    check_same("a.npz", manifest, "b.npy", dict(manifest))
    with pytest.raises(
        IntegrityError, match=r"a\.npz was made with preconditioner .* b\.npy with x"
    ):
        check_same("a.npz", manifest, "b.npy", manifest | {"preconditioner": "x"})
