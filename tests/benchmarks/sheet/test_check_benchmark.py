"""make check-benchmark: what it prints is what is scored, and what the gradient is taken of."""

import json
from types import SimpleNamespace

import pytest
import torch

from tests.benchmarks.made_up import row
from tests.common.documented import make
from tests.workflow.clone import Clone
from workflow_scripts.attribution.query_rows import collect_query_rows
from workflow_scripts.benchmarks.lm_eval_adapter import Examiner
from workflow_scripts.benchmarks.sheet import check_benchmark
from workflow_scripts.benchmarks.sheet.question_sheet import pieces, sheet
from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import AtlasError

NAME = "stem_knowledge"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study whose questions are there."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "results" / "made" / "corpus" / "questions" / f"{NAME}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row(i)) + "\n" for i in range(4)))
    return load_study() | {"study": "made"}


def test_without_a_tokenizer_the_texts_are_shown(study):
    page = check_benchmark.describe(NAME, study)
    assert f"(results/made/corpus/questions/{NAME}.jsonl line 1)" in page
    assert "questions   4: 4 of " in page
    assert f"prompt      {row(0)['prompt']!r}" in page
    assert f"0  ' {row(0)['choices'][0]}'   <- gold" in page
    assert "no tokenizer yet" in page
    assert "labelled" not in page


def test_with_the_tokenizer_of_the_study_the_tokens_are_shown(study, tiny):
    tiny.tokenizer.save_pretrained("results/made/corpus/tokenizer")
    page = check_benchmark.describe(NAME, study)
    assert "tokenizer: results/made/corpus/tokenizer" in page
    ids = tiny.tokenizer.encode(f" {row(0)['choices'][0]}")
    assert f"+1 x {len(ids)} labelled token" in page
    assert page.count(pieces(ids, tiny.tokenizer.decode)) == 2, "as an answer, as the gradient"


def test_choices_that_do_not_fit_are_counted_before_a_model_is_there(study, tiny):
    tiny.tokenizer.save_pretrained("results/made/corpus/tokenizer")
    train = study["model"]["train"] | {"max_positions": 16}
    config = study | {"model": study["model"] | {"train": train}}
    assert "of 16 choices are longer, with their prompt, than" in check_benchmark.describe(
        NAME, config
    )


def test_questions_asked_twice_are_counted_twice_when_they_are_cut(
    ask, workbench, tiny, caplog, monkeypatch
):
    """48 of 24 choices were too long where every question stood twice in the file."""
    monkeypatch.setattr(tiny.model.config, "max_position_embeddings", 32)
    with caplog.at_level("WARNING", logger="atlas"):
        ask(workbench.ask([row(0) | {"prompt": "the owl sings at night " * 9}] * 2))
    assert "8 of 8 choices are longer" in caplog.text


class Engine:
    """Takes sequences as the gradient engine does, and keeps what carries the loss."""

    modules, block = ("one",), 1

    def __init__(self, positions):
        self.model = SimpleNamespace(config={"max_position_embeddings": positions})
        self.sequences = None

    def stream(self, sequences, add, tokens_per_batch):
        self.sequences = sequences
        add(list(range(len(sequences.input_ids))), torch.ones(len(sequences.input_ids), 1, 1))


@pytest.mark.parametrize("target", ["gold", "margin"])
@pytest.mark.parametrize("positions", [2048, 24])
def test_the_labelled_tokens_of_the_query_gradient_are_the_tokens_printed(
    workbench, tiny, monkeypatch, target, positions
):
    monkeypatch.setattr(tiny.model.config, "max_position_embeddings", positions)
    definition = workbench.ask([row(i) for i in range(2)], target=target)
    examiner = Examiner(definition, str(workbench.results), "none")
    scored = examiner.ask(tiny.model, tiny.tokenizer).queries
    printed, _ = examiner.split(tiny.tokenizer, positions)
    assert printed.equals(scored), "split without a model as with one"
    engine = Engine(positions)
    collect_query_rows(engine, scored.head(1), target, 512)
    decode = tiny.tokenizer.decode
    page = "\n".join(sheet(printed, [], target, decode, positions))
    labels = [[token for token in each if token >= 0] for each in engine.sequences.labels()]
    assert len(labels) == (1 if target == "gold" else 4)
    gradient = page[page.index("gradient") :]
    lines = [line.split(": ", 1)[1] for line in gradient.splitlines()[1:]]
    assert lines == [pieces(ids, decode) for ids in labels]
    weights = [line.split(" x ")[0].strip() for line in gradient.splitlines()[1:]]
    assert weights == (["+1"] if target == "gold" else ["+1"] + ["-0.333"] * 3)


def test_questions_that_a_rule_has_not_made_yet_are_one_line(study):
    path = f"results/other/corpus/questions/{NAME}.jsonl"
    with pytest.raises(AtlasError, match=rf"not made yet: snakemake --cores 1 {path}$"):
        check_benchmark.describe(NAME, study | {"study": "other"})


def test_the_make_target_names_what_is_wrong_in_one_line(tmp_path):
    clone = Clone(tmp_path / "atlas")
    done = make("check-benchmark", "NAME=stem_knowlege", folder=clone.folder)
    assert done.returncode
    assert "did you mean 'stem_knowledge'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert "name the benchmark" in make("check-benchmark", folder=clone.folder).stdout
