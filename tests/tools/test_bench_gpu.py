"""The measurement of a GPU: every part at a small shape, and parts that fail or take too long."""

import dataclasses
import json
import subprocess
import sys
from collections import Counter

import pytest
import torch

from workflow_scripts.common.config.load import ROOT
from workflow_scripts.tools.bench_gpu import (
    GPU,
    LEAST_SECONDS,
    PARTS,
    SMALL,
    as_markdown,
    read_rows,
    run_part,
)
from workflow_scripts.tools.gpu import kernels, passes
from workflow_scripts.tools.gpu.rows import Options, Row

COMMAND = [sys.executable, "-m", "workflow_scripts.tools.bench_gpu", "--device", "cpu"]


def bench(*words):
    return subprocess.run([*COMMAND, *map(str, words)], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def options():
    return Options(device="cpu", study=None, **SMALL)


@pytest.mark.slow
def test_every_part_yields_its_rows_on_a_processor(tmp_path):
    done = bench("--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    rows = read_rows(tmp_path / "bench_gpu.jsonl")
    assert [part for part in PARTS if part in {row["part"] for row in rows}] == list(PARTS)
    found = {(row["part"], row["what"]) for row in rows}
    assert {("card", "copy"), ("passes", "document pass: ratio to plain")} <= found
    assert {("unlearning", "step"), ("unlearning", "questions: rows")} <= found
    assert {("kernels", "share: matrix products"), ("numerics", "bfloat16: lowest cosine")} <= found
    assert all(f"-- {part}: done" in done.stdout for part in PARTS)
    assert all(row["value"] is not None for row in rows if row["part"] != "study")
    text = (tmp_path / "bench_gpu.md").read_text()
    assert len(text.splitlines()) == 2 + len(rows)
    assert "documents," not in done.stdout + done.stderr  # no progress between the rows


@pytest.mark.slow
def test_a_part_that_fails_costs_itself_alone_and_is_told(tmp_path):
    """A study whose model is broken: its part ends with 1, the card is measured."""
    broken = tmp_path / "broken"
    (broken / "model").mkdir(parents=True)
    (broken / "model" / "model.json").write_text("not a record\n")
    done = bench(broken, "--parts", "study", "card", "--out", tmp_path)
    assert done.returncode == 1
    assert "-- study: ended with exit code 1, see above" in done.stdout
    assert "-- card: done" in done.stdout
    assert done.stderr.strip().splitlines()[-1] == "bench_gpu: not complete: study"
    assert {row["part"] for row in read_rows(tmp_path / "bench_gpu.jsonl")} == {"card"}
    assert "| card | processor | threads |" in (tmp_path / "bench_gpu.md").read_text()


def test_a_part_beyond_its_bound_is_stopped(tmp_path):
    assert run_part("card", 0.2, ["--device", "cpu", "--out", str(tmp_path)]).startswith("stopped")


def test_a_part_that_fails_says_with_what(tmp_path):
    gone = str(tmp_path / "gone")  # its table cannot be opened
    said = run_part("card", 60, ["--device", "cpu", "--out", gone])
    assert said == "ended with exit code 1, see above"


def test_the_whole_ends_within_its_minutes(tmp_path):
    assert sum(PARTS.values()) < 1.1 * 8 * 60
    done = bench("--out", tmp_path, "--minutes", LEAST_SECONDS / 60)
    assert done.returncode == 1
    assert done.stdout.count("left out: no time was left") == len(PARTS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "README.md"], "--out README.md cannot be written to"),
        (["no/study"], "no/study holds no model/model.json; name a finished study"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(words, said):
    done = bench(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"bench_gpu: {said}")
    assert len(done.stderr.splitlines()) == 1


def test_without_a_gpu_it_says_how_to_try():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    done = bench("--device", "cuda")
    assert done.returncode == 1
    assert "--device cpu" in done.stderr


def test_memory_that_does_not_suffice_is_a_row_and_the_next_size_is_measured(options, monkeypatch):
    def first_too_large(options, model, size, best):
        if size.projections == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 TB.\nmore")
        yield Row("passes", size.setting, "plain: rate", 1.0, "tokens/s")

    monkeypatch.setattr(passes, "cell", first_too_large)
    failed, measured = passes.rows(options)
    assert failed.value is None
    assert failed.note == "out of memory: CUDA out of memory. Tried to allocate 1 TB."
    assert measured.value == 1


def test_passes_at_a_small_shape_have_a_rate_and_a_ratio_each(options):
    model = passes.random_model("demo", "cpu", torch.float32)
    size = passes.Cell(256, 64)
    small = dataclasses.replace(options, batches=1)
    rows = {row.what: row for row in passes.cell(small, model, size, 1e12)}
    assert set(rows) == {
        f"{name}: {what}"
        for name in passes.PASSES
        for what in ("ratio to plain", "rate", "arithmetic")
    }
    assert rows["plain: ratio to plain"].value == 1
    assert rows["plain: rate"].setting == "64 a document, 256 a batch, n=1"


def test_the_plan_says_the_memory_of_every_size_that_is_measured():
    planned = [passes.planned_peak(GPU["shape"], passes.Cell(t, 2048)) for t in GPU["tokens"]]
    assert planned == pytest.approx([70.5, 42.6, 126.3], abs=0.1)  # docs/costs.md


def test_rows_are_a_table_whose_cells_stay_in_their_columns():
    rows = [
        Row("card", "a|b", "copy", 4.0458, "TB/s"),
        Row("study", "", "skipped", None, "", "why"),
    ]
    text = as_markdown([row.record() for row in rows])
    assert text.splitlines()[2:] == [
        "| card | a/b | copy | 4.046 | TB/s |  |",
        "| study |  | skipped |  |  | why |",
    ]
    assert json.loads(json.dumps(rows[1].record()))["value"] is None
    assert rows[1].line().split() == ["study", "skipped", "-", "why"]


PRODUCT = "nvjet_sm90_tst_256x128_64x4_1x2_h_bz_coopA_NNT"
HEAD = (
    "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_bf16_128x256_64x3_nn_align2>"
    "(cutlass_80_tensorop_bf16_s16816gemm_bf16_128x256_64x3_nn_align2::Params)"
)
TIMES = (
    "void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl<at::native::"
    "BinaryFunctor<float, float, float, at::native::binary_internal::MulFunctor<float> > >(int)>"
)
CAST = (
    "void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda(at::"
    "TensorIteratorBase&)::{lambda()#3}, std::array<char*, 2ul> >"
)


@pytest.mark.parametrize(
    ("kernel", "kind", "name"),
    [
        (PRODUCT, "matrix products", PRODUCT),
        (
            HEAD,
            "matrix products, unaligned",
            "cutlass_80_tensorop_bf16_s16816gemm_bf16_128x256_64x3_nn_align2",
        ),
        (TIMES, "elementwise", "elementwise_kernel MulFunctor"),
        (CAST, "copies and casts", "unrolled_elementwise_kernel direct_copy_kernel_cuda"),
        (
            "void pytorch_flash::flash_bwd_kernel<int>(x)",
            "attention",
            "pytorch_flash::flash_bwd_kernel",
        ),
        ("void (anonymous)::cunn_SoftMaxForward<8>", "softmax and loss", None),
        ("Memcpy DtoH (Device -> Pageable)", "copies from and to the host", None),
        ("Memcpy DtoD (Device -> Device)", "copies and casts", None),
        ("aten::mm", "matrix products", "aten::mm"),
        ("something else", "other", "something else"),
    ],
)
def test_kernels_have_a_kind_and_a_name_to_read(kernel, kind, name):
    assert kernels.kind_of(kernel) == kind
    assert name is None or kernels.short_name(kernel) == name


def test_kernels_of_one_name_are_added_and_shares_sum_to_one():
    times = Counter(
        {PRODUCT: 50.0, TIMES: 20.0, TIMES.replace("128, 4", "128, 2"): 20.0, CAST: 10.0}
    )
    rows = list(kernels.shares("plain", 2e-4, times))
    assert rows[0].value == pytest.approx(50)
    shares = {row.what: row.value for row in rows if row.what.startswith("share: ")}
    assert sum(shares.values()) == pytest.approx(100)
    assert shares["share: copies from and to the host"] == 0
    largest = [row for row in rows if row.what.startswith("kernel ")]
    assert [row.value for row in largest] == pytest.approx([50, 40, 10])
    assert largest[1].note == "elementwise_kernel MulFunctor"
