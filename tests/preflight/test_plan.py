"""The plan: the document pass near its floor, refusals by key, requests near what was measured."""

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from workflow_scripts.common.config.load import load_study
from workflow_scripts.preflight.advice import less_memory, less_time, size
from workflow_scripts.preflight.check_fit import PlanError, check_fit
from workflow_scripts.preflight.costs.model_shape import stated_shape
from workflow_scripts.preflight.costs.model_work import (
    pass_device_bytes,
    pass_ratio,
    question_row_seconds,
    question_seconds,
    rate_path,
    unlearning_device_bytes,
    unlearning_seconds,
)
from workflow_scripts.preflight.costs.resources import (
    DEMANDS,
    memory_mb,
    minutes,
    resources_of,
    uses_gpu,
)
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import as_json, make_plan
from workflow_scripts.preflight.plan_table import render, short

ROOT = Path(__file__).resolve().parents[2]
FULL, PILOT = "configs/olmo3-7b.yaml", "configs/olmo3-7b-pilot.yaml"
# Least memory of any job, and of any job that draws (one of them takes 1 GB).
SMALLEST_MB, DRAWING_MB = 500, 1200


def plan_of(overlay=None, **paths):
    """The plan of a study with dotted keys (``__`` for dots) changed."""
    config = load_study(overlay)
    for path, value in paths.items():
        *parents, last = path.split("__")
        section = config
        for name in parents:
            section = section[name]
        section[last] = value
    return make_plan(sizes_of(config))


def test_document_pass_costs_little_more_than_its_floor():
    """Floor: 4 FLOP a parameter and token at the stated rate; 10.5 billion tokens, 7.3 billion."""
    floor = 4 * 7.3e9 * 10.5e9 / 310e12 / 3600
    hours = plan_of(FULL).rule("attribute_documents").gpu_hours
    assert floor <= hours <= 1.35 * floor


def test_document_pass_scales_with_the_stated_rate_and_not_with_shards():
    hours = plan_of(FULL).rule("attribute_documents").gpu_hours
    half = plan_of(FULL, hardware__tflops=155).rule("attribute_documents").gpu_hours
    more = plan_of(FULL, corpus__shards=128).rule("attribute_documents").gpu_hours
    assert half == pytest.approx(2 * hours, rel=0.01)
    assert more == pytest.approx(hours, rel=0.01)


def test_projections_widen_rows_and_cost_little_of_the_pass():
    one, four = plan_of(FULL), plan_of(FULL, attribution__projections=4)
    assert four.sizes.width == 4 * one.sizes.width
    assert four.rule("attribute_documents").disk_gb > 3.5 * one.rule("attribute_documents").disk_gb
    hours = [each.rule("attribute_documents").gpu_hours for each in (one, four)]
    assert hours[0] < hours[1] < 1.4 * hours[0]
    assert "4 x 224 x 256 = 229,376 numbers" in render(four)


def test_both_studies_fit_what_they_declare_and_the_pilot_two_days():
    for overlay in (FULL, PILOT):
        check_fit(plan_of(overlay))
    assert plan_of(PILOT).days < 2
    assert plan_of(FULL).rule("unlearn_topic").jobs == 24 * 4 * 3
    assert plan_of(FULL).rule("evaluate_unlearned").jobs == 24 * 4 * 4


@pytest.mark.parametrize(
    ("tokens", "projections", "peak_gb"),
    [(4096, 1, 39.92), (8192, 1, 65.03), (16384, 1, 115.25), (8192, 2, 65.22)],
)
def test_memory_of_the_document_pass_is_a_little_above_what_a_gpu_held(
    tokens, projections, peak_gb
):
    """Peaks of an H200 at the shape of Olmo 3 7B; the plan asked for 1.6 to 1.8 times them."""
    paths = {"attribution__tokens_per_batch": tokens, "attribution__projections": projections}
    asked = pass_device_bytes(plan_of(FULL, **paths).sizes) / 1e9
    assert 1.05 * peak_gb < asked < 1.15 * peak_gb


def test_memory_of_unlearning_is_a_little_above_what_a_gpu_held():
    """36.6 GB of an H200: 8 documents of up to 1,024 tokens, the shape of 1.5 billion weights."""
    paths = {"unlearning__batch_documents": 8, "corpus__max_tokens": 1024}
    shape = stated_shape(1_484_916_736, 16, 2048, 8192, 100_352)
    asked = unlearning_device_bytes(replace(plan_of(FULL, **paths).sizes, shape=shape)) / 1e9
    assert 1.05 * 36.6 < asked < 1.15 * 36.6


def test_a_gpu_and_a_processor_have_their_own_measured_shares():
    """Costs of a further projection and of a step, measured on each; so was the first."""
    gpu, cpu = plan_of(FULL).sizes, plan_of().sizes
    assert (pass_ratio(gpu), pass_ratio(cpu)) == (1.1, 1.25)  # one projection, and two
    stated = {"hardware__tflops": 1}
    gpu, cpu = (plan_of(FULL, model__device=each, **stated).sizes for each in ("cuda", "cpu"))
    assert unlearning_seconds(gpu, 1) == pytest.approx(unlearning_seconds(cpu, 1) / 0.47)
    assert question_row_seconds(gpu, 10) == question_row_seconds(cpu, 10)
    assert question_seconds(gpu, 10, 4) > question_seconds(cpu, 10, 4)


def test_rows_and_sketches_have_their_published_size():
    """57,344 numbers a document: 651 GB of float16 rows, 2.1 GB for each variant of the sketch."""
    sizes = plan_of(FULL).sizes
    assert sizes.width == 57_344
    rows = sizes.documents * sizes.row_bytes
    sketches = 3 * 4 * sizes.groups * sizes.width
    assert rows == pytest.approx(651.3e9, rel=0.001)
    assert plan_of(FULL).rule("attribute_documents").disk_gb * 1e9 == pytest.approx(
        rows + sketches, rel=0.01
    )


def test_table_of_the_published_size_is_that_of_the_plan():
    """docs/planning.md: jobs, hours and disk by stage, as the plan has them."""
    plan = plan_of(FULL)
    page = (
        (ROOT / "docs" / "planning.md").read_text().split("## The study at its published size")[1]
    )
    rows = re.findall(r"^\| ([a-z, ]+) \| (\d+) \| ([^|]+) \| ([\d.]+) GB \|", page, re.MULTILINE)
    assert [name for name, *_ in rows][-1] == "all" and len(rows) == 6
    for name, jobs, hours, disk in rows:
        stages = plan.stages if name == "all" else re.split(", | and ", name)
        total = {
            field: sum(plan.total(field, stage) for stage in stages)
            for field in ("jobs", "gpu_hours", "cpu_hours", "disk_gb")
        }
        assert int(jobs) == total["jobs"]
        kind = "cpu_hours" if hours.startswith("none") else "gpu_hours"
        stated = float(re.search(r"[\d.]+", hours)[0])
        assert stated == pytest.approx(total[kind], rel=0.05, abs=0.05)
        assert float(disk) == pytest.approx(total["disk_gb"], rel=0.05, abs=0.1)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ({"hardware__scratch_gb": 500}, ["hardware.scratch_gb", "'attribution.rows' to discard"]),
        (
            {"hardware__scratch_gb": 1200, "attribution__row_dtype": "float32"},
            ["'attribution.row_dtype' to float16"],
        ),
        (
            {"hardware__scratch_gb": 100, "attribution__projection_dim": 2},
            ["adapters take", "'unlearning.rank'"],
        ),
        ({"hardware__gpu_memory_gb": 10}, ["weights alone do not fit", "several GPUs"]),
        (
            {"hardware__gpu_memory_gb": 20, "model__precision": "float32"},
            ["'model.precision' to bfloat16"],
        ),
        ({"hardware__gpu_memory_gb": 64}, ["fit_preconditioner", "'attribution.tokens_per_batch'"]),
        (
            {"hardware__gpu_memory_gb": 80, "attribution__tokens_per_batch": 4096},
            ["attribute_documents", "float32", "'corpus.max_tokens' to"],
        ),
        ({"unlearning__batch_documents": 8}, ["unlearn_topic", "'unlearning.batch_documents'"]),
        ({"hardware__memory_gb": 8}, ["collect_documents", "raise 'corpus.parts'"]),
        ({"hardware__job_hours": 3}, ["deal_folds", "corpus.documents_per_bin"]),
        (
            {"validation__scorers": ["tfidf", "embedding"]},
            ["score_texts", "tfidf", "'validation.scorers'"],
        ),
    ],
)
def test_plan_that_cannot_run_is_refused_in_one_line_with_the_key_to_change(paths, words):
    with pytest.raises(PlanError) as caught:
        check_fit(plan_of(FULL, **paths))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_what_a_refusal_advises_lets_the_plan_pass():
    paths = {"hardware__gpu_memory_gb": 64, "unlearning__batch_documents": 1}
    for _ in range(4):
        try:
            check_fit(plan_of(FULL, **paths))
            break
        except PlanError as error:
            key, _, value = str(error).split("lower '")[1].partition("' to ")
            paths[key.replace(".", "__")] = int(value)
    else:
        pytest.fail(f"still refused with {paths}")
    assert paths["corpus__max_tokens"] >= 512
    assert paths["attribution__tokens_per_batch"] >= paths["corpus__max_tokens"]


@pytest.mark.parametrize("rule", ["answer_benchmark", "attribute_queries", "evaluate_unlearned"])
def test_memory_of_the_weights_is_not_blamed_on_keys_that_cannot_lower_it(rule):
    """It said 'lower corpus.documents_per_bin' of a job whose memory is the model's weights."""
    fewer = "a model with fewer parameters"
    for precision, advice in (("float32", "'model.precision' to bfloat16"), ("bfloat16", fewer)):
        allowed = 30 if precision == "float32" else 15
        paths = {"model__precision": precision, "hardware__memory_gb": allowed}
        message = less_memory(plan_of(PILOT, **paths).sizes, rule)
        assert advice in message
        assert "documents_per_bin" not in message
    assert "the weights of the model take 15 GB" in message
    assert "a machine whose jobs may have 2" in message


@pytest.mark.parametrize("overlay", [FULL, PILOT, None])
def test_advice_on_memory_names_no_key_that_does_not_help(overlay):
    """Every key that is named, taken as far as it goes, brings the job below the limit."""
    plan = plan_of(overlay)
    for each in plan.rules:
        sizes = plan_of(overlay, hardware__memory_gb=0.95 * each.memory_mb / 1000).sizes
        message = less_memory(sizes, each.rule)
        if message.startswith(("no key", "the weights")):
            continue
        paths = {}
        for key in re.findall(r"'([a-z_]+\.[a-z_.]+)'", message):
            extreme = {"shards": 10_000, "parts": 10_000, "projection_dim": 2, "folds": 2}
            extreme |= {"documents_per_bin": 1, "rank": 1, "doses": [1.0], "untrained": False}
            extreme |= {"scorers": [], "tokens_per_batch": 64, "batch_documents": 1}
            extreme |= {"precision": "bfloat16"}
            paths[key.replace(".", "__")] = extreme[key.split(".")[-1]]
        found = plan_of(overlay, **paths).rule(each.rule)
        assert not found or found.memory_mb <= 0.95 * each.memory_mb, (each.rule, message)


def test_a_limit_below_the_start_of_a_job_is_told_as_such():
    message = less_time(plan_of(hardware__job_hours=0.1).sizes, "gather_bins")
    assert message.startswith("no key makes it short enough (a job asks for 10 minutes to start")
    message = less_time(plan_of(FULL, hardware__job_hours=1).sizes, "attribute_documents")
    shards = int(re.fullmatch(r"raise 'corpus.shards' to (\d+)", message)[1])
    assert plan_of(FULL, corpus__shards=shards).rule("attribute_documents").minutes <= 60


@pytest.mark.parametrize(
    ("gigabytes", "text"),
    [(0, "0 MB"), (0.0002, "1 MB"), (0.035, "35 MB"), (0.1, "0.1 GB"), (2.04, "2.0 GB"),
     (661, "661 GB"), (2000, "2,000 GB")],
)  # fmt: skip
def test_small_sizes_are_in_megabytes_not_zero_gigabytes(gigabytes, text):
    assert size(gigabytes) == text


def test_a_small_study_is_refused_with_sizes_that_are_not_zero():
    with pytest.raises(PlanError) as caught:
        check_fit(plan_of("tests/config/lds.yaml", hardware__scratch_gb=0.005))
    assert re.search(r"need about \d+(\.\d)? [MG]B, .* declares 5 MB;", str(caught.value))
    assert " 0 GB" not in str(caught.value)


def test_nothing_is_refused_where_nothing_is_declared():
    check_fit(plan_of(unlearning__documents=10**6, corpus__documents_per_bin=10**6))


def test_discarded_rows_leave_the_sketches_alone():
    plan = plan_of(FULL, attribution__rows="discard", unlearning__benchmarks=[])
    assert plan.total("disk_gb") < 100
    assert plan.rule("score_documents") is None
    assert plan.rule("project_again") is None
    check_fit(plan)


def test_a_changed_benchmark_costs_no_document_pass():
    plan = plan_of(FULL, unlearning__benchmarks=["arc_challenge_test"])
    own, other = plan.change["arc_challenge_test"], plan.change["mmlu_stem"]
    assert own["gpu_hours"] > other["gpu_hours"] > 0
    # Forgetting is most of it; a benchmark that is only asked costs little.
    document_pass = plan.rule("attribute_documents").gpu_hours
    assert own["gpu_hours"] < document_pass
    assert other["gpu_hours"] < document_pass / 10


def test_a_job_on_a_gpu_asks_for_one_and_on_a_processor_for_none():
    plan = plan_of(FULL)
    rules = ["measure_rate", *(each.rule for each in plan.rules)]
    assert {name for name in rules if uses_gpu(plan.sizes, name)} == {
        "answer_benchmark",
        "fit_preconditioner",
        "attribute_documents",
        "attribute_queries",
        "unlearn_topic",
        "evaluate_unlearned",
        "unlearn_control",
        "evaluate_control",
        "measure_rate",
    }
    sizes = plan_of().sizes
    assert not any(uses_gpu(sizes, name) for name in DEMANDS)
    assert "gpu" not in resources_of(sizes, "attribute_documents")
    assert resources_of(plan.sizes, "attribute_documents")["gpu"] == 1


def test_requests_grow_with_the_attempt_and_with_what_drives_them():
    def asked(rule, attempt=1, **paths):
        resources = resources_of(plan_of(FULL, **paths).sizes, rule)
        return [resources[name](None, attempt) for name in ("mem_mb", "runtime")]

    once = asked("attribute_documents")
    assert asked("attribute_documents", 2) == [2 * value for value in once]
    fewer = asked("attribute_documents", corpus__shards=32)
    assert fewer[0] > once[0]
    assert fewer[1] > once[1]
    for paths in ({"attribution__projection_dim": 32}, {"corpus__folds": 32}):
        resources = resources_of(plan_of(FULL, **paths).sizes, "score_gradient_baselines")
        assert resources["mem_mb"](None, 1) > asked("score_gradient_baselines")[0]


def measured():
    with (Path(__file__).parent / "measured_demo.csv").open() as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("row", measured(), ids=lambda row: row["rule"])
def test_requests_of_the_demo_are_above_what_it_took_and_not_by_much(row):
    """Peaks of one run of the demo; a job that ends at once is seen with too little memory."""
    plan = plan_of()
    sizes, rule = plan.sizes, row["rule"]
    benchmark = next(iter(DEMANDS[rule].jobs(sizes)))
    peak, seconds = float(row["max_rss_mb"]), float(row["seconds"])
    assert plan.rule(rule).jobs == int(row["jobs"])
    asked = memory_mb(sizes, rule, benchmark)
    assert peak <= asked <= max(4 * peak, DRAWING_MB if "plot" in rule else SMALLEST_MB)
    assert seconds <= 60 * minutes(sizes, rule, benchmark) <= 4 * seconds + 15 * 60


def test_measured_rules_are_all_rules_of_the_demo():
    assert {row["rule"] for row in measured()} == {each.rule for each in plan_of().rules}


def test_stated_mean_is_cut_at_max_tokens_and_unknown_means_are_an_upper_bound():
    assert plan_of(FULL, preflight__mean_tokens=0).sizes.mean_tokens == 4096
    assert plan_of(FULL, corpus__max_tokens=512).sizes.mean_tokens == 512


def test_measured_rate_takes_the_place_of_the_assumed_one(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = load_study()
    before = as_json(plan_of())["assumed"]
    monkeypatch.setattr(
        "workflow_scripts.preflight.costs.model_work.rate_path",
        lambda config: tmp_path / "rate.json",
    )
    record = {"flops": 6e10, "device": "cpu", "precision": "float32"}
    (tmp_path / "rate.json").write_text(json.dumps(record))
    assert before["flops_from"] == "assumed"
    assert as_json(plan_of())["assumed"]["flops"] == 6e10
    # A rate of another device says nothing.
    (tmp_path / "rate.json").write_text(json.dumps(record | {"device": "cuda"}))
    assert as_json(plan_of())["assumed"]["flops_from"] == "assumed"
    assert rate_path(config) == Path("results/planted/preflight/rate.json")


def test_table_names_every_rule_and_the_totals():
    plan = plan_of(FULL)
    text = render(plan)
    for each in plan.rules:
        assert f"  {each.rule} " in text
    assert f"in all {plan.total('gpu_hours'):,.0f} GPU-hours" in text
    assert "10.5B tokens" in text
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, ""),
        (950, "950"),
        (11_000, "11k"),
        (5_760_000, "5.8M"),
        (1.07e10, "10.7B"),
        (3e14, "300T"),
    ],
)
def test_counts_are_short(number, text):
    assert short(number) == text


def test_plan_from_the_config_alone_is_fast_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['show_plan', '--configfile', sys.argv[1]]; "
        "from workflow_scripts.preflight.show_plan import main; main(); "
        "print([m for m in ('torch', 'polars', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, FULL], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("[]")


def test_command_line_refuses_with_one_line(tmp_path):
    overlay = tmp_path / "small.yaml"
    overlay.write_text("hardware: {scratch_gb: 0.1}\n")
    command = [sys.executable, "-m", "workflow_scripts.preflight.show_plan", "--configfile"]
    done = subprocess.run([*command, overlay], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("Plan of study planted")
    assert done.stderr.startswith("plan error: the results need about")
    assert len(done.stderr.splitlines()) == 1


def test_plan_of_the_demo_is_within_a_factor_of_its_cost():
    """By the clock of its jobs and by the processor (1,200 s, docs/costs.md): no more than 1.5."""
    plan = plan_of()
    planned = 3600 * plan.total("cpu_hours")
    clock = sum(int(row["jobs"]) * float(row["seconds"]) for row in measured())
    for taken in (clock, 1200):
        assert taken / 1.5 <= planned <= 1.5 * taken
    assert plan.total("jobs") == 98  # and the rule all


def test_no_rule_of_the_demo_is_far_from_its_plan():
    plan = plan_of()
    for row in measured():
        planned = 3600 * plan.rule(row["rule"]).cpu_hours
        taken = int(row["jobs"]) * float(row["seconds"])
        assert taken / 2.5 - 5 <= planned <= 2.5 * taken + 5, row["rule"]
