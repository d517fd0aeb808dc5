"""The rules of the stage, run as scripts on a small model that can count."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from tests.benchmarks.made_up import CHOICES, PROMPTS, row
from tests.support import Named, rule_call
from tests.unlearning.made_up import LORA, base_model, counting, forgetter
from tests.validation.conftest import filled_columns
from workflow_scripts.attribution.sketch import SketchSums, write_sketch
from workflow_scripts.benchmarks.choice_margins import Questions
from workflow_scripts.common.config.load import ROOT, complete
from workflow_scripts.common.errors import ConfigError, DataError, IntegrityError
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import FORMATS, TOPICS, bin_index
from workflow_scripts.model.loading import describe_folder, load_model, model_record
from workflow_scripts.model.losses import all_losses
from workflow_scripts.unlearning.arms import CROSS_FITTED_ARMS
from workflow_scripts.unlearning.effects import estimate_effects, evaluate_unlearned
from workflow_scripts.unlearning.effects.registration import registration_digest
from workflow_scripts.unlearning.forgetting import unlearn_halves, unlearn_topic
from workflow_scripts.unlearning.forgetting.adapter_files import read_adapters, write_adapters
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings
from workflow_scripts.unlearning.forgetting.run_records import read_run, target_of
from workflow_scripts.unlearning.forgetting.unlearn_topic import history_table

TOPIC, ARMS = TOPICS[3], ("targeted", "random", "low", "bottom")
SETTINGS = complete(yaml.safe_load((ROOT / "config.yaml").read_text()))["unlearning"] | {
    "documents": 4,
    "retain_documents": 10,
    "caliper": 9.0,
    "doses": [0.3, 0.6],
    "learning_rate": 0.003,
    "max_steps": 60,
    "max_retain_rise": 1.0,
    "rank": 4,
    "alpha": 8,
    "margin_questions": 5,
    "margin_every": 3,
}


class Outputs(Named):
    """Outputs that are found by name, as Snakemake's are."""

    def __getitem__(self, name):
        return vars(self)[name]


def call(rule, **parts):
    made = rule_call(rule, **parts)
    made.output = Outputs(**vars(made.output))
    return made


def write_model(folder, model):
    """Save a model and its record."""
    model.save_pretrained(folder / "model")
    record = model_record("folder", str(folder / "model"), "", describe_folder(folder / "model"))
    write_json(folder / "model.json", record)
    return record


def write_queries(path, seed):
    """Ten questions of three choices in token ids."""
    rng = stream(seed, "queries")
    rows = [
        {
            "query_id": f"q{i}",
            "prompt": "How does one count?",
            "target": " a",
            "choices": [" a", " b", " c"],
            "gold": i % 3,
            "choice_input_ids": rng.integers(0, 32, size=(3, 6)).tolist(),
            "choice_start": [4, 4, 4],
        }
        for i in range(10)
    ]
    frame = filled_columns("benchmarks/queries", pl.DataFrame(rows))
    write_table(frame, path, "benchmarks/queries")


# Documents that share words with the questions, the first most.
WORDS = {"d07": "how does one count", "d11": "one may count", "d12": "one", "d13": "count"}


def other_scores(scores):
    """Scores on another benchmark: the contrary."""
    return scores.with_columns(score=-pl.col("score"))


@pytest.fixture(scope="module")
def study(weights, tmp_path_factory):
    """Artifacts that unlearning reads: 30 documents of one topic count by one, 24 by three."""
    folder = tmp_path_factory.mktemp("study")
    write_model(folder, base_model(weights))
    tokens = counting(30, 1, seed=5) + counting(24, 3, seed=6)
    topics = [TOPIC] * 30 + [TOPICS[5], TOPICS[7]] * 12
    losses = all_losses(base_model(weights), tokens, 4096).numpy()
    documents = pl.DataFrame(
        {
            "doc_id": [f"d{i:02d}" for i in range(len(tokens))],
            "topic": topics,
            "format": FORMATS[2],
            "input_ids": pl.Series([ids.tolist() for ids in tokens], dtype=pl.List(pl.Int32)),
            "n_tokens": [len(ids) for ids in tokens],
            "score": stream(1, "scores").normal(size=len(tokens)),
        }
    )
    # Each topic has one format, so that the mean of its scores is its influence.
    means = {TOPIC: 0.3, TOPICS[5]: 0.5, TOPICS[7]: -0.1}
    centred = pl.col("score") - pl.col("score").mean().over("topic")
    mean = pl.col("topic").replace_strict(means, return_dtype=pl.Float64)
    documents = documents.with_columns(score=centred + mean)
    # Shards interleave topics.
    for number in range(2):
        part = documents.gather_every(2, number)
        shard = filled_columns("corpus/shards", part.drop("score"))
        write_table(shard, folder / f"s{number}.parquet", "corpus/shards")
        bins = np.array([bin_index(t, f) for t, f in part.select("topic", "format").rows()])
        sums = SketchSums(bins, np.zeros(part.height, int), 2)
        about = {"doc_id": part["doc_id"].to_numpy().astype(str), "loss": losses[number::2]}
        write_sketch(folder / f"s{number}.npz", sums, about, {})
    scores = documents.drop("input_ids", "n_tokens")
    scores = scores.with_columns(score_a=pl.col("score"), score_b=-pl.col("score"))
    scores = filled_columns("attribution/scores", scores)
    write_table(scores, folder / "scores.parquet", "attribution/scores")
    write_table(other_scores(scores), folder / "other.parquet", "attribution/scores")
    texts = documents.select("doc_id", text=pl.col("doc_id").replace_strict(WORDS, default="none"))
    write_table(
        filled_columns("corpus/documents", texts), folder / "texts.parquet", "corpus/documents"
    )
    write_queries(folder / "queries.parquet", 1)
    return SimpleNamespace(folder=folder, documents=documents, losses=losses)


def unlearn_call(study, out, topic=TOPIC, seed=3, queries=None, arms=ARMS[1:], **settings):
    folder = study.folder
    control = topic == "control"
    source = {
        "shards": [str(folder / f"s{i}.parquet") for i in range(2)],
        "sketches": [str(folder / f"s{i}.npz") for i in range(2)],
        "record": str(folder / "model.json"),
    }
    if not control:
        source["scores"] = str(folder / "scores.parquet")
        source["queries"] = str(queries or folder / "queries.parquet")
        source["other"] = str(folder / "other.parquet")
        source["texts"] = [str(folder / "texts.parquet")]
    written = ("control",) if control else ("targeted", *arms)
    params = {
        "seed_unlearning": str(seed),
        "topic": topic,
        "settings": SETTINGS | settings,
        "precision": "float32",
        "device": "cpu",
        "tokens_per_batch": 4096,
        "state": str(out / "state"),
    }
    return call(
        "unlearn_control" if control else "unlearn_topic",
        input=source,
        output={
            "sets": out / "sets.parquet",
            "history": out / "history.parquet",
            "run": out / "run.json",
            **{arm: out / f"{arm}.safetensors" for arm in written},
        },
        params=params if control else params | {"metric": "acc", "arms": list(arms)},
        wildcards={"seed": str(seed)} | ({} if control else {"benchmark": "b", "topic": topic}),
    )


def unlearn(study, out, **changes):
    unlearn_topic.main(unlearn_call(study, out, **changes))
    return out


@pytest.fixture(scope="module")
def finished(study, tmp_path_factory):
    """A finished run of the topic."""
    torch.set_num_threads(1)
    return unlearn(study, tmp_path_factory.mktemp("finished"))


def same_files(first, second):
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    return [n for n in names if (first / n).read_bytes() != (second / n).read_bytes()]


def test_every_arm_forgets_its_set_and_leaves_adapters_at_every_dose(study, finished):
    record = read_json(finished / "run.json")
    assert record["topic"] == TOPIC and record["seed"] == 3
    sets = read_table(finished / "sets.parquet", "unlearning/sets")
    history = read_table(finished / "history.parquet", "unlearning/history")
    tokens = dict(study.documents.select("doc_id", "input_ids").rows())
    for arm in ARMS:
        ended = record["arms"][arm]
        assert ended["state"] == "reached"
        assert [dose["dose"] for dose in ended["doses"]] == [0.3, 0.6]
        own = [np.array(tokens[i], np.int32) for i in sets.filter(arm=arm)["doc_id"]]
        by_dose, about = read_adapters(finished / f"{arm}.safetensors", record["base"])
        shared = ("base", "adapter", "target", "topic", "seed")
        assert about == {key: record[key] for key in shared} | {"arm": arm}
        model = load_model(study.folder / "model.json")
        before = all_losses(model, own, 4096).mean()
        assert ended["base_forget_loss"] == pytest.approx(before.item(), abs=1e-5)
        adapter = Adapter(model, AdapterSettings(**about["adapter"]))
        rows = history.filter(arm=arm)
        for saved in ended["doses"]:
            adapter.load(by_dose[saved["dose"]])
            rise = (all_losses(adapter.causal_model(), own, 4096).mean() - before).item()
            assert rise == pytest.approx(saved["forget_rise"], abs=1e-5)
            at = rows.filter(step=saved["step"]).row(0, named=True)
            assert at["dose"] == saved["dose"] and at["margin"] == saved["margin"]
            assert at["forget_rise"] == saved["forget_rise"]
        assert rows["step"].to_list() == list(range(ended["steps"] + 1))


def test_sets_are_ranked_by_score_and_carry_what_they_were_chosen_by(study, finished):
    sets = read_table(finished / "sets.parquet", "unlearning/sets")
    assert sets["arm"].value_counts().sort("arm").rows() == [
        ("bottom", 4),
        ("low", 4),
        ("random", 4),
        ("retain", 10),
        ("targeted", 4),
    ]
    own = study.documents.filter(topic=TOPIC).sort("score", descending=True)["doc_id"].to_list()
    # With so wide a caliper every document has a control.
    assert set(sets.filter(arm="targeted")["doc_id"]) == set(own[:4])
    assert set(sets.filter(arm="bottom")["doc_id"]) == set(own[-4:])
    forgotten = sets.filter(pl.col("arm") != "retain")
    assert set(forgotten["topic"]) == {TOPIC}
    assert not set(sets.filter(arm="retain")["doc_id"]) & set(forgotten["doc_id"])
    joined = sets.join(
        study.documents.with_columns(base=pl.Series(study.losses)), on="doc_id", validate="m:1"
    )
    assert joined.height == sets.height
    assert (joined["n_tokens"] == joined["n_tokens_right"]).all()
    assert (joined["loss"] == joined["base"]).all()
    assert (joined["score"] == joined["score_right"]).all()


def test_further_arms_are_chosen_by_words_another_benchmark_and_length(study, tmp_path):
    arms = ("random", "similar", "other", "longest")
    out = unlearn(study, tmp_path, arms=arms, doses=[0.1])
    sets = read_table(out / "sets.parquet", "unlearning/sets")
    assert set(sets["arm"]) == {"targeted", "retain", *arms}
    own = study.documents.filter(topic=TOPIC)
    assert set(sets.filter(arm="similar")["doc_id"]) == set(WORDS)
    lowest = own.sort("score")["doc_id"][:4]
    assert set(sets.filter(arm="other")["doc_id"]) == set(lowest)
    longest = own.sort(["n_tokens", "doc_id"], descending=[True, False])["doc_id"][:4]
    assert set(sets.filter(arm="longest")["doc_id"]) == set(longest)
    record = read_json(out / "run.json")
    assert set(record["balance"]) == set(arms)
    assert all((out / f"{arm}.safetensors").exists() for arm in ("targeted", *arms))


def halves_call(study, out, **settings):
    made = unlearn_call(study, out, **settings)
    made.input.halves = str(study.folder / "halves.parquet")
    made.output = Outputs(
        **{name: out / f"{name}.parquet" for name in ("sets", "history")},
        run=out / "run.json",
        **{arm: out / f"{arm}.safetensors" for arm in CROSS_FITTED_ARMS},
    )
    return made


def test_each_half_of_the_questions_chooses_its_own_documents(study, tmp_path):
    """Half b is made the contrary of half a: its targeted are the others' lowest."""
    unlearn_halves.main(halves_call(study, tmp_path, doses=[0.1]))
    sets = read_table(tmp_path / "sets.parquet", "unlearning/sets")
    ranked = study.documents.filter(topic=TOPIC).sort("score", descending=True)["doc_id"].to_list()
    chosen = {arm: set(sets.filter(arm=arm)["doc_id"]) for arm in CROSS_FITTED_ARMS}
    # The next is taken where a set would not be alike to its controls.
    assert chosen["targeted_a"] == set(ranked[:4]) and chosen["targeted_b"] <= set(ranked[-6:])
    for half in "ab":
        assert not chosen[f"targeted_{half}"] & chosen[f"random_{half}"]
    forgotten = set().union(*chosen.values())
    assert not forgotten & set(sets.filter(arm="retain")["doc_id"])
    record = read_json(tmp_path / "run.json")
    assert set(record["arms"]) == set(CROSS_FITTED_ARMS)
    assert set(record["balance"]) == {"random_a", "random_b"}
    about = read_adapters(tmp_path / "targeted_b.safetensors", record["base"])[1]
    assert (about["arm"], about["topic"], about["target"]) == ("targeted_b", TOPIC, "b")


def test_a_file_of_a_half_belongs_to_the_benchmark_of_its_folder():
    assert target_of("r/unlearning/x/top01/halves/seed1/run.json") == "x"
    assert target_of("r/unlearning/x/top01/seed1/run.json") == "x"
    assert target_of("r/unlearning/control/seed1/run.json") == "control"


def test_a_run_made_again_has_the_same_bytes(study, finished, tmp_path):
    assert same_files(finished, unlearn(study, tmp_path)) == []


class Killed(Exception):
    """Stands for the process being killed."""


def kill_after(monkeypatch, calls):
    asked, measure = itertools.count(1), Questions.mean_margin

    def mean_margin(self, model, tokens_per_batch):
        if next(asked) > calls:
            raise Killed
        return measure(self, model, tokens_per_batch)

    monkeypatch.setattr(Questions, "mean_margin", mean_margin)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_killed_rule_run_again_leaves_the_same_bytes(
    study, finished, tmp_path, monkeypatch, share
):
    """Killed in the first, second and third arm."""
    measured = read_table(finished / "history.parquet", "unlearning/history")["margin"]
    monkeypatch.setattr(unlearn_topic.ForgetSettings, "__init__", often_saved())
    with monkeypatch.context() as patched:
        kill_after(patched, int(share * measured.drop_nulls().len()))
        with pytest.raises(Killed):
            unlearn(study, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert list((tmp_path / "state").glob("*.pt"))
    assert same_files(finished, unlearn(study, tmp_path)) == []


def often_saved():
    """ForgetSettings as made by the rule, with a state every second step instead of every 25th."""
    make = unlearn_topic.ForgetSettings.__init__

    def init(self, *args, **kwargs):
        make(self, *args, **kwargs | {"save_every": 2})

    return init


def test_a_state_that_measured_other_questions_is_not_continued(study, tmp_path, monkeypatch):
    """The questions changed between the kill and the second start."""
    write_queries(tmp_path / "queries.parquet", 2)
    monkeypatch.setattr(unlearn_topic.ForgetSettings, "__init__", often_saved())
    with monkeypatch.context() as patched:
        kill_after(patched, 4)
        with pytest.raises(Killed):
            unlearn(study, tmp_path / "beside")
    for name in ("alone", "beside"):
        unlearn(study, tmp_path / name, queries=tmp_path / "queries.parquet")
    assert same_files(tmp_path / "alone", tmp_path / "beside") == []


def test_a_slot_is_resolved_by_the_map(study, finished, tmp_path):
    """TOPIC is second in influence; the files are those of the topic by its label."""
    assert same_files(finished, unlearn(study, tmp_path, topic="top02")) == []
    with pytest.raises(DataError, match="names 'top04', but 3 topics"):
        unlearn(study, tmp_path / "x", topic="top04")


def test_another_seed_forgets_the_same_targeted_documents_from_another_start(
    study, finished, tmp_path
):
    other = unlearn(study, tmp_path, seed=4)
    sets = [read_table(f / "sets.parquet", "unlearning/sets") for f in (finished, other)]
    for arm, same in (("targeted", True), ("bottom", True), ("retain", False)):
        ids = [set(table.filter(arm=arm)["doc_id"]) for table in sets]
        assert (ids[0] == ids[1]) == same
    assert "targeted.safetensors" in same_files(finished, other)


def test_a_shuffled_ranking_deals_out_the_same_scores_to_other_documents(study, finished, tmp_path):
    shuffled = unlearn(study, tmp_path, ranking="shuffled", doses=[0.1])
    true, dealt = (
        read_table(f / "sets.parquet", "unlearning/sets").filter(arm="targeted")
        for f in (finished, shuffled)
    )
    assert set(dealt["doc_id"]) != set(true["doc_id"])
    assert set(dealt["score"]) == set(true["score"])
    joined = dealt.join(study.documents, on="doc_id")
    assert (joined["score"] != joined["score_right"]).any()


def test_the_control_forgets_documents_of_any_topic(study, tmp_path):
    out = unlearn(study, tmp_path, topic="control")
    record = read_json(out / "run.json")
    assert record["topic"] == "control" and set(record["arms"]) == {"control"}
    assert record["balance"] == {}
    sets = read_table(out / "sets.parquet", "unlearning/sets")
    control = sets.filter(arm="control")
    assert control.height == 4 and control["score"].null_count() == 4
    history = read_table(out / "history.parquet", "unlearning/history")
    assert history["margin"].null_count() == history.height
    assert read_adapters(out / "control.safetensors", record["base"])[1]["arm"] == "control"


def test_whole_numbers_and_one_dose_are_fine(study, tmp_path):
    out = unlearn(study, tmp_path, doses=[1])
    history = read_table(out / "history.parquet", "unlearning/history")
    assert set(history["dose"].drop_nulls()) == {1.0}
    record = read_json(out / "run.json")
    assert set(read_adapters(out / "targeted.safetensors", record["base"])[0]) == {1.0}


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 1e30},
        {"max_retain_rise": 1e-9, "retain_weight": 0.0},
        {"learning_rate": 1e30, "batch_documents": 2, "measure_every": 4},
    ],
    ids=["rate", "retain floor", "rate in mini-batches"],
)
def test_a_collapse_is_a_result_that_is_written_and_not_an_error(study, tmp_path, settings):
    out = unlearn(study, tmp_path, **settings)
    record = read_json(out / "run.json")
    for arm in ARMS:
        assert record["arms"][arm]["state"] == "collapsed"
        assert record["arms"][arm]["reason"]
        assert record["arms"][arm]["doses"] == []
        assert read_adapters(out / f"{arm}.safetensors", record["base"])[0] == {}
    assert read_table(out / "history.parquet", "unlearning/history").height >= 3


def test_too_few_steps_are_unreached_and_written(study, tmp_path):
    out = unlearn(study, tmp_path, max_steps=2)
    record = read_json(out / "run.json")
    assert {ended["state"] for ended in record["arms"].values()} == {"unreached"}
    assert read_adapters(out / "bottom.safetensors", record["base"])[0] == {}


def test_history_names_the_highest_dose_that_one_step_reached(weights):
    """Doses of 0.30 and 0.31 are passed by the same step, within the overshoot of the first."""
    course = forgetter(weights, doses=(0.3, 0.3001), learning_rate=0.01).run(counting(6, 1))
    assert [row["dose"] for row in course.saved] == [0.3, 0.3001]
    table = history_table({"targeted": course})
    assert table["dose"].drop_nulls().to_list() == [0.3001]


def test_too_large_a_set_is_refused_before_the_model_is_loaded(study, tmp_path, monkeypatch):
    monkeypatch.setattr(unlearn_topic, "load_model", lambda *a: pytest.fail("model was loaded"))
    with pytest.raises(DataError, match=rf"topic '{TOPIC}' \(benchmark 'b'\) has 30 documents"):
        unlearn(study, tmp_path, documents=11)


def test_a_document_without_a_loss_is_refused_by_id(study, tmp_path):
    made = unlearn_call(study, tmp_path)
    made.input.sketches = made.input.sketches[:1]
    with pytest.raises(IntegrityError, match=r"document 'd01' is in no file of attribution/sk"):
        unlearn_topic.main(made)


# ---------------------------------------------------------------- evaluation


def put(root, by_dose, about, place=None):
    """Write adapters and the record of their run where they belong, or at ``place``; the path."""
    facts = about | (place or {})
    folder = root / "unlearning" / facts["target"] / facts["topic"] / f"seed{facts['seed']}"
    path = folder / f"{facts['arm']}.safetensors"
    write_adapters(path, by_dose, about)
    write_json(folder / "run.json", facts | {"balance": {}, "arms": {}})
    return str(path)


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    """A model with a text tokenizer, questions, and adapters of two seeds and arms."""
    from transformers import Olmo3Config, Olmo3ForCausalLM

    from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer

    folder = tmp_path_factory.mktemp("exam")
    tokenizer = fit_tokenizer([f"{p} {c}" for p in PROMPTS for c in CHOICES], 320)
    tokenizer.save_pretrained(folder / "results" / "corpus" / "tokenizer")
    torch.manual_seed(0)
    special = {f"{k}_token_id": getattr(tokenizer, f"{k}_token_id") for k in ("pad", "bos", "eos")}
    config = Olmo3Config(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=256,
        initializer_range=0.5, **special,
    )  # fmt: skip
    record = write_model(folder, Olmo3ForCausalLM(config).eval())
    questions = folder / "results" / "corpus" / "questions" / "social_knowledge.jsonl"
    questions.parent.mkdir(parents=True)
    questions.write_text("".join(json.dumps(row(i)) + "\n" for i in range(6)))
    adapter = Adapter(load_model(folder / "model.json"), LORA)
    files = []
    for seed, arm in itertools.product((1, 2), ("targeted", "random")):
        by_dose = {}
        for dose in (0.5, 1.0):
            adapter.reset(seed)
            changed = adapter.weights()
            if arm == "targeted":  # the random arm's adapters change nothing
                rng = torch.Generator().manual_seed(int(10 * seed + 2 * dose))
                for name, weight in changed.items():
                    if "lora_B" in name:
                        weight.copy_(torch.randn(weight.shape, generator=rng))
            by_dose[dose] = changed
        about = {
            "base": record["digest"],
            "adapter": {"parameters": "lora", "rank": 4, "alpha": 8},
            "target": "x",
            "topic": "t",
            "seed": seed,
            "arm": arm,
        }
        files.append(put(folder, by_dose, about))
    return SimpleNamespace(folder=folder, files=files, tokenizer=tokenizer, record=record)


def evaluate(exam, out, files=None):
    files = exam.files if files is None else files
    evaluate_unlearned.main(
        call(
            "evaluate_unlearned",
            input={
                "adapters": files,
                "runs": sorted({str(Path(path).parent / "run.json") for path in files}),
                "record": str(exam.folder / "model.json"),
                "tokenizer": str(exam.folder / "results/corpus/tokenizer/tokenizer.json"),
            },
            output={"evaluation": out / "social_knowledge.parquet"},
            params={
                "evaluated": "social_knowledge",
                "data": "none",
                "precision": "float32",
                "device": "cpu",
                "noted": {"registration": "before"},
                "state": str(out / "state" / "first"),
            },
        )
    )
    return read_table(out / "social_knowledge.parquet", "unlearning/evaluation")


def asked(exam, weights=None):
    """Answers of the base model, or under these weights, each on a freshly loaded model."""
    from workflow_scripts.benchmarks.definitions import load_definition
    from workflow_scripts.benchmarks.lm_eval_adapter import Examiner

    model = load_model(exam.folder / "model.json")
    if weights is not None:
        adapter = Adapter(model, LORA)
        adapter.load(weights)
        model = adapter.causal_model()
    examiner = Examiner(load_definition("social_knowledge"), str(exam.folder / "results"), "none")
    answers = examiner.ask(model, exam.tokenizer).answers
    return answers.select("query_id", "correct", "margin").sort("query_id")


def test_every_adapter_and_the_base_model_are_asked_every_question(exam, tmp_path):
    table = evaluate(exam, tmp_path)
    assert table.group_by("arm", "seed", "dose").len()["len"].to_list() == [6] * 9
    base = table.filter(arm="base")
    assert base.select("seed", "dose").unique().rows() == [(0, 0.0)]
    columns = ["query_id", "correct", "margin"]
    assert base.select(columns).sort("query_id").rows() == asked(exam).rows()
    for path in exam.files:
        by_dose, about = read_adapters(path, exam.record["digest"])
        for dose, weights in by_dose.items():
            own = table.filter(arm=about["arm"], seed=about["seed"], dose=dose)
            assert own.select(columns).sort("query_id").rows() == asked(exam, weights).rows()
            unchanged = own["margin"].to_list() == base["margin"].to_list()
            assert unchanged == (about["arm"] == "random")


def test_arms_that_reached_nothing_leave_the_base_models_answers_alone(exam, tmp_path):
    about = read_adapters(exam.files[0], exam.record["digest"])[1]
    table = evaluate(exam, tmp_path, [put(tmp_path, {}, about)])
    assert set(table["arm"]) == {"base"} and table.height == 6


def test_adapters_of_another_base_model_are_refused_before_anything_is_asked(
    exam, tmp_path, monkeypatch
):
    by_dose, about = read_adapters(exam.files[0], exam.record["digest"])
    other = put(tmp_path, by_dose, about | {"base": "0" * 64})
    monkeypatch.setattr(evaluate_unlearned, "load_model", lambda *a: pytest.fail("was loaded"))
    with pytest.raises(
        IntegrityError, match=r"targeted\.safetensors was trained on the base model"
    ):
        evaluate(exam, tmp_path, [*exam.files, other])
    assert not (tmp_path / "social_knowledge.parquet").exists()


def test_any_seed_that_the_config_allows_can_be_evaluated(exam, tmp_path):
    """Beyond 31 bits: seeds are integers from 0 to 2^32 - 1."""
    by_dose, about = read_adapters(exam.files[0], exam.record["digest"])
    path = put(tmp_path, by_dose, about | {"seed": 3_000_000_000})
    table = evaluate(exam, tmp_path, [path])
    assert set(table["seed"]) == {0, 3_000_000_000}


@pytest.mark.parametrize("key", ["target", "topic", "seed", "arm"])
def test_an_adapter_in_the_place_of_another_is_refused_by_name(exam, tmp_path, monkeypatch, key):
    """It was put on the base model and its damage counted as that of its place."""
    by_dose, about = read_adapters(exam.files[0], exam.record["digest"])
    wrong = 7 if key == "seed" else "random" if key == "arm" else "y"
    path = put(tmp_path, by_dose, about | {key: wrong}, place=about)
    monkeypatch.setattr(evaluate_unlearned, "load_model", lambda *a: pytest.fail("was loaded"))
    with pytest.raises(IntegrityError) as caught:
        evaluate(exam, tmp_path, [path])
    message = str(caught.value)
    assert "\n" not in message
    assert f"{path} is of the {key} {wrong!r}, but its place is that of {about[key]!r}" in message


def test_an_adapter_of_another_rank_than_the_others_is_refused_by_name(exam, tmp_path):
    by_dose, about = read_adapters(exam.files[0], exam.record["digest"])
    changed = about | {"adapter": about["adapter"] | {"rank": 2}, "seed": 9}
    path = put(tmp_path, by_dose, changed)
    with pytest.raises(IntegrityError, match=r"seed9/targeted\.safetensors has the adapter .*2"):
        evaluate(exam, tmp_path, [*exam.files, path])
    path = put(tmp_path, {0.5: {"x": torch.zeros(1)}}, about | {"seed": 9})
    with pytest.raises(IntegrityError, match=r"seed9/targeted\.safetensors, dose 0\.5: the ad"):
        evaluate(exam, tmp_path, [*exam.files, path])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "run.json lacks topic, seed, balance, arms"),
        ('{"topic": "t', "run.json cannot be read"),
        ('{"topic": "t", "seed": 8, "balance": {}, "arms": {}}', "of the seed 'seed8'"),
    ],
)
def test_a_damaged_record_of_a_run_is_one_line_that_names_it(exam, tmp_path, text, words):
    by_dose, about = read_adapters(exam.files[0], exam.record["digest"])
    record = Path(put(tmp_path, by_dose, about)).parent / "run.json"
    record.write_text(text)
    with pytest.raises(IntegrityError) as caught:
        read_run(record)
    message = str(caught.value)
    assert words in message and str(record) in message and "\n" not in message


# ------------------------------------------------------------------- effects


def write_run(folder, topic, seed, states):
    """A run.json with doses reached per arm: a list of doses and the state."""
    arms = {
        arm: {
            "state": state,
            "doses": [
                {"dose": d, "step": 7, "forget_rise": 1.01 * d, "retain_rise": 0.01, "margin": 0.0}
                for d in doses
            ],
        }
        for arm, (state, doses) in states.items()
    }
    balance = {arm: {"matched": True} for arm in states if arm.startswith(("random", "low"))}
    record = {"topic": topic, "seed": seed, "balance": balance, "arms": arms}
    write_json(folder / f"seed{seed}" / "run.json", record)


def write_evaluation(folder, evaluated, states_by_seed):
    """Ten questions: the base model answers all, targeted loses 4 at dose 1, random 1."""
    lost = {"base": 0, "targeted": 4, "random": 1, "low": 1, "bottom": 0, "control": 2}
    lost |= {"targeted_a": 4, "targeted_b": 4, "random_a": 2, "random_b": 2}
    keys = [("base", 0, 0.0)] + [
        (arm, seed, dose)
        for seed, states in states_by_seed.items()
        for arm, (_, doses) in states.items()
        for dose in doses
    ]
    rows = [
        {
            "arm": arm, "seed": seed, "dose": dose, "query_id": f"q{i}",
            "correct": i >= lost[arm], "margin": 1.0 - dose * lost[arm] / 10,
            "registration": registration_digest(REGISTRATION),
        }
        for arm, seed, dose in keys
        for i in range(10)
    ]  # fmt: skip
    halves = folder.name == "halves"
    path = folder / ("evaluation.parquet" if halves else f"evaluation/{evaluated}.parquet")
    write_table(pl.DataFrame(rows), path, "unlearning/evaluation")


REGISTRATION = {
    "benchmarks": ["x"], "contrast": "targeted-random", "measure": "accuracy", "dose": 1.0,
    "test": "wilcoxon", "topics": ["top01", "top02", "art"], "seeds": [1, 2],
}  # fmt: skip
REACHED = {arm: ("reached", [0.5, 1.0]) for arm in ARMS}


@pytest.fixture
def runs(tmp_path):
    """Two targets, three topics, two seeds and the control; one run collapsed after dose 0.5."""
    root = tmp_path / "unlearning"
    for target in ("x", "y"):
        for topic in ("top01", "top02", "art"):
            name = {"top01": "t1", "top02": "t2"}.get(topic, topic)
            states = {seed: dict(REACHED) for seed in (1, 2)}
            if (target, topic) == ("x", "art"):
                states[2]["random"] = ("collapsed", [0.5])
            for seed, own in states.items():
                write_run(root / target / topic, name, seed, own)
            for evaluated in ("x", "y"):
                write_evaluation(root / target / topic, evaluated, states)
    control = {seed: {"control": ("reached", [0.5, 1.0])} for seed in (1, 2)}
    for seed, own in control.items():
        write_run(root / "control", "control", seed, own)
    for evaluated in ("x", "y"):
        write_evaluation(root / "control", evaluated, control)
    halves = {1: {arm: ("reached", [0.5, 1.0]) for arm in CROSS_FITTED_ARMS}}
    for topic, name in (("top01", "t1"), ("art", "art")):
        folder = root / "x" / topic / "halves"
        write_run(folder, name, 1, halves[1])
        write_evaluation(folder, "x", halves)
    for name in ("x", "y"):
        write_asked(root / name)
    return root


def write_asked(folder):
    """The questions of a benchmark, and scores of documents by half."""
    ids = [f"q{i}" for i in range(10)]
    queries = pl.DataFrame({"query_id": ids, "task": "one", "choices": [[" a", " b"]] * 10})
    queries = queries.with_columns(passage=pl.lit(None, pl.String))
    write_table(
        filled_columns("benchmarks/queries", queries),
        folder / "queries.parquet",
        "benchmarks/queries",
    )
    rng = stream(1, "halves of", folder.name)
    topics = [topic for topic in ("t1", "t2", "art", "t9") for _ in range(30)]
    scores = pl.DataFrame({"doc_id": [f"d{i:03d}" for i in range(120)], "topic": topics})
    scores = scores.with_columns(
        **{f"score_{half}": pl.Series(rng.normal(size=120)) for half in "ab"}
    )
    scores = filled_columns("attribution/scores", scores)
    write_table(scores, folder / "scores.parquet", "attribution/scores")


ESTIMATED = ("effects", "tests", "selectivity", "selection")


def estimate(root, out):
    targets = [name for name in ("x", "y") if (root / name).exists()]
    estimate_effects.main(
        call(
            "estimate_effects",
            input={
                "runs": [p for p in sorted(map(str, root.rglob("run.json"))) if "halves" not in p],
                "evaluations": sorted(map(str, root.rglob("evaluation/*.parquet"))),
                "half_runs": sorted(map(str, root.rglob("halves/seed*/run.json"))),
                "half_evaluations": sorted(map(str, root.rglob("halves/evaluation.parquet"))),
                **{
                    name: [str(root / target / f"{name}.parquet") for target in targets]
                    for name in ("queries", "scores")
                },
            },
            output={n: out / f"{n}.parquet" for n in ESTIMATED}
            | {"registration": out / "registration.json"},
            params={
                "benchmarks": targets,
                "targets": targets,
                "documents": 4,
                "doses": [0.5, 1.0],
                "confidence": 0.95,
                "bootstraps": 20,
                "equivalence": 0.05,
                "power": SETTINGS["power"],
                "registration": REGISTRATION,
                "seed": 1,
            },
        )
    )
    return [read_table(out / f"{n}.parquet", f"unlearning/{n}") for n in ESTIMATED]


def test_effects_tests_and_selectivity_come_from_the_runs(runs, tmp_path):
    effects, tests, selectivity, selection = estimate(runs, tmp_path)
    # Two targets x two evaluated x three topics x two seeds x four arms x two doses; control;
    # two cross-fitted topics x two arms x two doses.
    assert effects.height == 2 * 2 * 3 * 2 * 4 * 2 + 2 * 2 * 2 + 2 * 2 * 2
    assert set(effects["topic"]) == {"t1", "t2", "art", "control"}
    broken = effects.filter(pl.col("damage_accuracy").is_null())
    assert broken.select("target", "topic", "arm", "seed", "dose").unique().rows() == [
        ("x", "art", "random", 2, 1.0)
    ]
    assert broken["collapsed"].all()
    row = tests.filter(
        target="x", evaluated="x", contrast="targeted-random", pairs="matched",
        measure="accuracy", dose=1.0,
    ).row(0, named=True)  # fmt: skip
    assert (row["n_topics"], row["n_pairs"]) == (3, 5)
    assert row["median"] == pytest.approx(0.3)
    control = tests.filter(
        contrast="targeted-control", measure="margin", dose=1.0, target="y", evaluated="y"
    )
    assert control["median"].to_list() == [pytest.approx(0.2)]
    assert selectivity["selectivity"].abs().max() == pytest.approx(0, abs=1e-9)
    crossed = tests.filter(contrast="cross_fitted", pairs="matched", measure="accuracy", dose=1.0)
    assert crossed.select("target", "n_topics", "primary").rows() == [("x", 2, True)]
    assert crossed["mean"].to_list() == [pytest.approx(0.2)]
    assert tests.filter("primary")["target"].to_list() == ["x"]
    assert selection.select("target", "topic", "half").height == 2 * 3 * 2


def test_the_tables_have_the_same_bytes_when_made_again(runs, tmp_path):
    estimate(runs, tmp_path / "a")
    estimate(runs, tmp_path / "b")
    assert same_files(tmp_path / "a", tmp_path / "b") == []


def test_a_topic_named_twice_is_refused_by_both_names(runs, tmp_path):
    """top02 of benchmark x turned out to be the topic that is also named by its label."""
    for seed in (1, 2):
        write_run(runs / "x" / "top02", "art", seed, REACHED)
    with pytest.raises(ConfigError) as caught:
        estimate(runs, tmp_path)
    message = str(caught.value)
    assert "'unlearning.topics' names 'art' twice for benchmark 'x'" in message
    assert "'art'" in message and "'top02'" in message and "\n" not in message


def test_two_benchmarks_may_have_the_same_topic_in_one_slot(runs, tmp_path):
    for seed in (1, 2):
        write_run(runs / "x" / "top01", "t9", seed, REACHED)
        write_run(runs / "y" / "top01", "t9", seed, REACHED)
    effects, *_ = estimate(runs, tmp_path)
    assert effects.filter(topic="t9")["target"].unique().sort().to_list() == ["x", "y"]


def test_a_study_of_one_benchmark_is_estimated(runs, tmp_path):
    import shutil

    for path in [runs / "y", runs / "control"]:
        shutil.rmtree(path)
    for path in runs.rglob("evaluation/y.parquet"):
        path.unlink()
    effects, tests, selectivity, _ = estimate(runs, tmp_path)
    assert effects.height and tests.height
    assert selectivity.is_empty()
