"""The adapter on a tiny model: lm-eval's prompts and accuracy, the exact tokens, clear refusals."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch

from tests.benchmarks.made_up import CHOICES, PROMPTS, inline, row
from workflow_scripts.benchmarks.answer_benchmark import main
from workflow_scripts.benchmarks.definitions import load_definition
from workflow_scripts.benchmarks.lm_eval_adapter import Examiner
from workflow_scripts.benchmarks.lm_eval_models import RecordingLM
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.corpus.tokens.tokenizer import encode, special_tokens


def plain_loglikelihood(model, ids, start):
    """Summed log-likelihood of ids[start:] by one forward pass over one sequence.

    Without the last token, which predicts nothing: a sequence of another length is rounded
    otherwise in bfloat16 (0.027 apart on one processor, less than 0.02 on another).
    """
    with torch.no_grad():
        logits = model(torch.tensor([ids[:-1]])).logits[0].double()
    logs = torch.log_softmax(logits, dim=-1)
    return sum(logs[i - 1, ids[i]].item() for i in range(start, len(ids)))


def test_prompts_choices_and_gold_are_those_of_the_task(ask, workbench):
    rows = [row(i) for i in range(6)]
    got = ask(workbench.ask(rows))
    queries = got.queries.to_dicts()
    assert [query["query_id"] for query in queries] == [f"made_up/{i}" for i in range(6)]
    for query, asked in zip(queries, rows, strict=True):
        assert query["prompt"] == asked["prompt"]
        assert query["choices"] == [f" {choice}" for choice in asked["choices"]]
        assert query["gold"] == asked["gold"]
        assert query["target"] == f" {asked['choices'][asked['gold']]}"


@pytest.mark.parametrize("metric", ["acc", "acc_norm"])
def test_loglikelihoods_margin_and_accuracy_follow_from_the_stored_tokens(
    ask, workbench, tiny, metric
):
    """A plain forward pass over the ids gives lm-eval's numbers: no token differs."""
    rows = [row(i, n_choices=3 + i % 3) for i in range(10)]
    got = ask(workbench.ask(rows, metric=metric))
    joined = got.queries.join(got.answers, on="query_id", validate="1:1").to_dicts()
    right = []
    for query, asked in zip(joined, rows, strict=True):
        plain = [
            plain_loglikelihood(tiny.model, ids, start)
            for ids, start in zip(query["choice_input_ids"], query["choice_start"], strict=True)
        ]
        assert query["loglikelihoods"] == pytest.approx(plain, abs=1e-4)
        lengths = [len(choice) for choice in asked["choices"]] if metric == "acc_norm" else [1] * 5
        scores = [value / length for value, length in zip(plain, lengths, strict=False)]
        wrong = [score for i, score in enumerate(scores) if i != asked["gold"]]
        assert query["margin"] == pytest.approx(scores[asked["gold"]] - max(wrong), abs=1e-4)
        assert query["correct"] == (query["margin"] > 0) == (query["predicted"] == asked["gold"])
        right.append(query["correct"])
    assert 0 < sum(right) < len(right)
    assert got.summary["accuracy"] == pytest.approx(np.mean(right))
    assert got.summary["tasks"]["made_up"]["version"] == 2.0
    assert got.summary["chance"] == pytest.approx(np.mean([1 / len(r["choices"]) for r in rows]))


def test_stored_tokens_are_the_prompt_followed_by_the_choice(ask, workbench, tiny):
    got = ask(workbench.ask([row(i) for i in range(4)]))
    for query in got.queries.to_dicts():
        for ids, start, choice in zip(
            query["choice_input_ids"], query["choice_start"], query["choices"], strict=True
        ):
            assert tiny.tokenizer.decode(ids) == query["prompt"] + choice
            assert tiny.tokenizer.decode(ids[start:]) == choice


def with_template(tiny, template, **names):
    """The tiny tokenizer, adding its one special token (X) to every text where a template says."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    inner = type(tiny.tokenizer._tokenizer).from_str(tiny.tokenizer._tokenizer.to_str())
    end, number = tiny.tokenizer.eos_token, tiny.tokenizer.eos_token_id
    inner.post_processor = TemplateProcessing(
        single=template.replace("X", end), special_tokens=[(end, number)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, **names)


@pytest.mark.parametrize("template", ["$A", "X $A", "$A X", "X $A X"])
def test_questions_have_the_tokens_of_documents_whatever_the_tokenizer_adds(
    workbench, tiny, template
):
    """A token in front stays, for lm-eval scores after it; one behind would part the answer."""
    end = tiny.tokenizer.eos_token
    own = with_template(tiny, template, eos_token=end, bos_token=end, pad_token=end)
    quoting = row(0) | {"prompt": f"What does {end} mean?"}
    definition = workbench.ask([*(row(i) for i in range(1, 3)), quoting])
    got = Examiner(definition, str(workbench.results), "none").ask(tiny.model, own)
    front = special_tokens(own).front
    assert len(front) == template.startswith("X")
    for query, values in zip(
        got.queries.to_dicts(), got.answers["loglikelihoods"].to_list(), strict=True
    ):
        for ids, start, value, choice in zip(
            query["choice_input_ids"], query["choice_start"], values, query["choices"], strict=True
        ):
            assert ids == encode(own, query["prompt"] + choice, 1000, front)[0]
            assert own.decode(ids[start:]) == choice
            assert value == pytest.approx(plain_loglikelihood(tiny.model, ids, start), abs=1e-4)


def test_a_tokenizer_without_any_special_token_is_asked(workbench, tiny):
    own = with_template(tiny, "$A")
    assert own.bos_token is None and own.eos_token is None
    definition = workbench.ask([row(i) for i in range(3)])
    got = Examiner(definition, str(workbench.results), "none").ask(tiny.model, own)
    expected = Examiner(definition, str(workbench.results), "none").ask(tiny.model, tiny.tokenizer)
    assert got.queries.equals(expected.queries)


def test_an_empty_prompt_begins_with_what_begins_every_text(tiny):
    """lm-eval asks the answers alone for acc_mutual_info."""
    end = tiny.tokenizer.eos_token
    asked = [SimpleNamespace(args=("", choice)) for choice in CHOICES[:2]]
    for template in ("$A", "X $A"):
        own = with_template(tiny, template, eos_token=end, pad_token=end)
        scorer = RecordingLM(tiny.model, own, 4)
        scorer.loglikelihood(asked)
        for (_, choice), (ids, start) in scorer.scored.items():
            assert (ids, start) == ([own.eos_token_id, *encode(own, choice, 99)[0]], 1)
    with pytest.raises(DataError, match="no token to begin a text with"):
        RecordingLM(tiny.model, with_template(tiny, "$A"), 4).loglikelihood(asked)


def test_a_prompt_too_long_for_the_model_is_stored_as_it_was_cut(
    ask, workbench, tiny, caplog, monkeypatch
):
    monkeypatch.setattr(tiny.model.config, "max_position_embeddings", 64)
    asked = row(0) | {"prompt": " ".join(PROMPTS * 4)}
    with caplog.at_level("WARNING", logger="atlas"):
        got = ask(workbench.ask([asked, row(1)]))
    assert "4 of 8 choices are longer, with their prompt, than the model's 64 tokens" in caplog.text
    assert got.summary["questions_cut"] == 1
    query, values = got.queries.row(0, named=True), got.answers["loglikelihoods"][0].to_list()
    for ids, start, value in zip(
        query["choice_input_ids"], query["choice_start"], values, strict=True
    ):
        assert len(ids) == 65
        assert value == pytest.approx(plain_loglikelihood(tiny.model, ids, start), abs=1e-4)


def test_a_bfloat16_model_has_loglikelihoods_in_float32(workbench, tiny):
    """lm-eval's default rounds them to bfloat16: steps of 0.125 at the values seen here."""
    coarse = copy.deepcopy(tiny.model).to(torch.bfloat16)
    definition = workbench.ask([row(i) for i in range(3)])
    got = Examiner(definition, str(workbench.results), "none").ask(
        coarse, tiny.tokenizer, batch_size=1
    )
    for query, values in zip(
        got.queries.to_dicts(), got.answers["loglikelihoods"].to_list(), strict=True
    ):
        for ids, start, value in zip(
            query["choice_input_ids"], query["choice_start"], values, strict=True
        ):
            plain = plain_loglikelihood(coarse, ids, start)
            assert value == pytest.approx(plain, abs=1e-3)
            assert value != float(torch.tensor(value).to(torch.bfloat16))


def test_batch_size_does_not_change_the_answers(ask, workbench):
    definition = workbench.ask([row(i) for i in range(7)])
    one, many = ask(definition, batch_size=1), ask(definition, batch_size=16)
    assert one.queries.equals(many.queries)
    for a, b in zip(one.answers["loglikelihoods"], many.answers["loglikelihoods"], strict=True):
        assert a.to_list() == pytest.approx(b.to_list(), abs=1e-4)


def test_limit_asks_the_first_questions_of_each_task(ask, workbench):
    got = ask(workbench.ask([row(i) for i in range(7)], limit=3))
    assert got.queries["prompt"].to_list() == [row(i)["prompt"] for i in range(3)]
    assert got.summary["n_questions"] == 3


def test_several_tasks_average_over_questions(ask, workbench):
    workbench.ask([row(i) for i in range(6)])
    data = {"reader": "jsonl", "files": ["<results>/questions.jsonl"]}
    short = workbench.results / "short.jsonl"
    short.write_text("".join(workbench.questions.read_text().splitlines(keepends=True)[:2]))
    definition = workbench.define(
        tasks=[
            {"config": inline("one"), "data": data},
            {"config": inline("two"), "data": data | {"files": ["<results>/short.jsonl"]}},
        ]
    )
    got = ask(definition)
    counts = {name: task["n_questions"] for name, task in got.summary["tasks"].items()}
    assert counts == {"one": 6, "two": 2}
    assert got.queries["query_id"].n_unique() == 8
    assert got.summary["accuracy"] == pytest.approx(got.answers["correct"].mean())
    for name, task in got.summary["tasks"].items():
        own = got.answers.filter(pl.col("query_id").str.starts_with(f"{name}/"))
        assert task["accuracy"] == pytest.approx(own["correct"].mean())


def test_own_task_file_with_include_function_and_json_data(ask, workbench):
    """lm-eval's own way of reading local files, with this project's places in the paths."""
    workbench.ask([row(i) for i in range(3)])
    (workbench.folder / "own").mkdir()
    (workbench.folder / "own" / "base.yaml").write_text(
        "output_type: multiple_choice\ntest_split: test\ndoc_to_choice: choices\n"
        "doc_to_target: gold\ndataset_path: json\n"
        "dataset_kwargs: {data_files: {test: <results>/questions.jsonl}}\n"
    )
    (workbench.folder / "own" / "task.yaml").write_text(
        "include: base.yaml\ntask: own\ndoc_to_text: !function words.text\n"
    )
    (workbench.folder / "own" / "words.py").write_text(
        "def text(doc):\n    return 'Say: ' + doc['prompt']\n"
    )
    got = ask(workbench.define(tasks=[{"file": "own/task.yaml"}]))
    assert got.queries["prompt"].to_list() == [f"Say: {row(i)['prompt']}" for i in range(3)]


def test_the_introductory_sentence_is_kept_or_dropped(ask, workbench):
    task = inline(description="Answer these.\n\n")
    assert ask(workbench.ask([row(0)], task)).queries["prompt"][0].startswith("Answer these.")
    dropped = ask(workbench.ask([row(0)], task, instruction="drop"))
    assert dropped.queries["prompt"][0] == row(0)["prompt"]


@pytest.mark.parametrize(
    ("name", "counts", "start", "end"),
    [
        ("socialiqa", [300], "Q: Tracy didn't go home", "\nA:"),
        ("arc_challenge", [294], "Question: Juan and LaKeisha", "\nAnswer:"),
        ("mmlu_social_sciences", [20] * 12, "Question: ", "\nAnswer:"),
        ("mmlu_stem", [11] * 18, "Question: ", "\nAnswer:"),
    ],
)
def test_built_in_tasks_ask_the_local_rows_in_their_own_words(
    tiny, real_data, name, counts, start, end, monkeypatch
):
    """Built and checked over all rows; three questions a task are asked, to save time."""
    import workflow_scripts.benchmarks.lm_eval_adapter as adapter

    lengths = []
    check = adapter.check_task
    monkeypatch.setattr(
        adapter,
        "check_task",
        lambda task, *rest: (check(task, *rest), lengths.append(len(task.eval_docs))),
    )
    definition = load_definition(name)
    object.__setattr__(definition, "limit", 3)
    got = Examiner(definition, "none", str(real_data)).ask(tiny.model, tiny.tokenizer)
    assert lengths == counts
    assert got.queries.height == 3 * len(counts)
    assert got.queries["prompt"][0].startswith(start)
    assert all(prompt.endswith(end) for prompt in got.queries["prompt"])
    assert all(choice.startswith(" ") for choice in got.queries["choices"].explode())


def test_letter_form_is_what_it_says(tiny, real_data):
    definition = load_definition("mmlu_stem_letters")
    object.__setattr__(definition, "limit", 1)
    got = Examiner(definition, "none", str(real_data)).ask(tiny.model, tiny.tokenizer)
    assert got.queries["choices"].to_list() == [[" A", " B", " C", " D"]] * 18


def test_the_rule_writes_tables_that_read_back(tiny, tmp_path, monkeypatch):
    """The script on saved artifacts, as the workflow calls it."""
    from workflow_scripts.common.files import write_json
    from workflow_scripts.model.loading import describe_folder, model_record

    tiny.model.save_pretrained(tmp_path / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "tokenizer")
    record = model_record("trained", "", "", describe_folder(tmp_path / "model"))
    write_json(tmp_path / "model" / "model.json", record)
    questions = tmp_path / "corpus" / "questions" / "stem_knowledge.jsonl"
    questions.parent.mkdir(parents=True)
    questions.write_text("".join(json.dumps(row(i)) + "\n" for i in range(5)))
    folder = tmp_path / "benchmarks" / "stem_knowledge"
    output = SimpleNamespace(
        queries=folder / "queries.parquet",
        answers=folder / "answers.parquet",
        results=folder / "results.json",
    )
    snakemake = SimpleNamespace(
        input=SimpleNamespace(
            model=str(tmp_path / "model" / "model.json"),
            tokenizer=str(tmp_path / "tokenizer" / "tokenizer.json"),
        ),
        output=output,
        threads=1,
        params=SimpleNamespace(
            definition="stem_knowledge",
            data="none",
            precision="float32",
            device="cpu",
        ),
    )
    main(snakemake)
    queries = read_table(output.queries, "benchmarks/queries")
    answers = read_table(output.answers, "benchmarks/answers")
    summary = read_json(output.results)
    assert queries["query_id"].to_list() == answers["query_id"].to_list()
    assert summary["accuracy"] == pytest.approx(answers["correct"].mean())
    assert (summary["n_questions"], summary["chance"]) == (5, 0.25)
    assert (summary["domain"], summary["capability"]) == ("stem", "knowledge")
    assert summary["lm_eval"] == "0.4.13"
    assert set(CHOICES) >= {choice.strip() for choice in queries["choices"].explode()}
    before = output.queries.read_bytes()
    write_table(queries, output.queries, "benchmarks/queries")
    assert output.queries.read_bytes() == before, "the same rows give the same bytes"


def test_questions_of_one_passage_have_its_number(ask, workbench):
    rows = [row(number) | {"story": story} for number, story in enumerate(["a", "b", "a", None])]
    definition = workbench.ask(rows)
    assert ask(definition).queries["passage"].to_list() == [None] * 4
    asked = definition.asked
    data = {"reader": "jsonl", "files": ["<results>/questions.jsonl"], "group": "story"}
    definition = workbench.define(tasks=[{"config": inline(), "data": data}])
    assert definition.asked != asked
    assert ask(definition).queries["passage"].to_list() == ["1", "2", "1", None]


def test_a_passage_field_that_no_question_has_is_named_with_those_that_there_are(ask, workbench):
    workbench.ask([row(number) for number in range(4)])
    data = {"reader": "jsonl", "files": ["<results>/questions.jsonl"], "group": "stroy"}
    definition = workbench.define(tasks=[{"config": inline(), "data": data}])
    with pytest.raises(DataError, match=r"no question has the field 'stroy'.* fields: prompt"):
        ask(definition)
