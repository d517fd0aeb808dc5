"""The only importer of lm-eval: builds its tasks, lets it score them, and reads off the answers.

Prompts, choices, gold and accuracy are lm-eval's; nothing is recomputed here that it reports.
"""

import copy
import functools
import importlib.metadata
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import lm_eval.api.task
from lm_eval import evaluate
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml

from workflow_scripts.benchmarks.answers import Answers, collect
from workflow_scripts.benchmarks.built_in import built_in_file
from workflow_scripts.benchmarks.definitions import Definition, TaskEntry
from workflow_scripts.benchmarks.gold import check_golds
from workflow_scripts.benchmarks.local_data import (
    go_offline,
    hub_dataset,
    one_line,
    splits_of,
    use_temporary_cache,
)
from workflow_scripts.benchmarks.question_parts import Gold, Question, make_gold, make_prompt
from workflow_scripts.benchmarks.questions import checked_rows
from workflow_scripts.benchmarks.task_shape import check_output_type
from workflow_scripts.common.errors import AtlasError, ConfigError, DataError
from workflow_scripts.common.progress import Progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

logger = logging.getLogger("atlas")

# Choices scored in one forward pass. A constant, so that a machine does not change the bits.
BATCH_SIZE = 16


class Examiner:
    """A benchmark's questions, loaded once, to be asked of any number of models, zero-shot."""

    def __init__(self, definition: Definition, results: str, data: str) -> None:
        """Build the benchmark's tasks.

        Args:
            definition: the benchmark.
            results: the study's results folder (``<results>`` in the definition).
            data: config key ``data`` (``<data>`` in the definition).

        Raises:
            ConfigError: a task does not exist or cannot be traced.
            DataError: a data file is malformed, or a question has no gold answer.
        """
        self.definition = definition
        use_temporary_cache()
        if definition.local:
            go_offline()
        with quiet():
            self.tasks = {
                entry.name: build_task(entry, definition, results, data)
                for entry in definition.tasks
            }

    def ask(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        batch_size: int = BATCH_SIZE,
        progress: bool = True,
    ) -> Answers:
        """Let lm-eval score every choice of every question.

        Args:
            model: causal language model, where it is to run.
            tokenizer: its tokenizer.
            batch_size: choices scored in one forward pass.
            progress: log how far it is.

        Returns:
            Rows of the tables queries and answers, and the summary for ``results.json``.

        Raises:
            DataError: a choice does not fit into the model.
            NumericsError: a log-likelihood is not finite.
        """
        with quiet():
            scorer = RecordingLM(model, tokenizer, batch_size, progress)
            # evaluate, not simple_evaluate: that one also loads tasks by name, asks git and
            # lists the machine's hardware.
            report = evaluate(
                scorer, {"tasks": self.tasks}, limit=self.definition.limit, log_samples=True
            )
        answers = collect(self.definition, self.tasks, report, scorer.scored)
        if scorer.n_cut:
            logger.warning(
                "%d of %d choices are longer than the model's %d tokens; lm-eval cut them on the "
                "left",
                scorer.n_cut,
                len(scorer.scored),
                scorer.max_length,
            )
        answers.summary["lm_eval"] = importlib.metadata.version("lm_eval")
        return answers


class RecordingLM(HFLM):
    """lm-eval's Hugging Face model, keeping the tokens it scored and showing progress.

    Attributes:
        scored: per (context, continuation) pair the token ids that lm-eval scored and the index
            of the first token of the continuation.
        n_cut: pairs that were cut on the left because the model takes no more tokens.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        batch_size: int,
        progress: bool = True,
    ) -> None:
        """Wrap a loaded model."""
        super().__init__(
            pretrained=model,
            tokenizer=tokenizer,
            batch_size=batch_size,
            # By default a bfloat16 model's log-likelihoods are rounded to bfloat16, about three
            # digits: answers tie and margins of a nat drown.
            softmax_dtype="float32",
        )
        self.scored: dict[tuple[str, str], tuple[list[int], int]] = {}
        self.n_cut = 0
        self._shows_progress = progress
        self._progress: Progress | None = None

    def loglikelihood(self, requests: list, disable_tqdm: bool = True) -> list:
        """Score requests without lm-eval's own progress bars."""
        return super().loglikelihood(requests, disable_tqdm=True)

    def _loglikelihood_tokens(self, requests: list, *args: Any, **kwargs: Any) -> list:
        for pair, context, continuation in requests:
            if not 0 < len(continuation) <= self.max_length:
                raise DataError(
                    f"choice {pair[1]!r} of the question {pair[0][:80]!r} has {len(continuation)} "
                    f"tokens; the model can score 1 to {self.max_length}"
                )
            # HFLM feeds the last max_length + 1 tokens, the very last only as a target.
            ids = (context + continuation)[-(self.max_length + 1) :]
            self.n_cut += len(ids) < len(context) + len(continuation)
            self.scored[pair] = (ids, len(ids) - len(continuation))
        # Requests that differ in their last token alone share one row of a forward pass.
        rows = {tuple(context + continuation[:-1]) for _, context, continuation in requests}
        if self._shows_progress:
            self._progress = Progress(len(rows), "sequences")
        return super()._loglikelihood_tokens(requests, *args, **kwargs)

    def _model_call(self, inps: Any, *args: Any, **kwargs: Any) -> Any:
        logits = super()._model_call(inps, *args, **kwargs)
        if self._progress:
            self._progress.advance(len(inps))
        return logits


@contextmanager
def quiet() -> Iterator[None]:
    """Silence lm-eval's log below errors and its progress bars."""
    log, bar = logging.getLogger("lm_eval"), lm_eval.api.task.tqdm
    level = log.level
    log.setLevel(logging.ERROR)
    lm_eval.api.task.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        log.setLevel(level)
        lm_eval.api.task.tqdm = bar


def task_config(entry: TaskEntry) -> dict[str, Any]:
    """lm-eval configuration of a task, functions resolved, as its author wrote it.

    Raises:
        ConfigError: lm-eval brings no such task, or its file cannot be used.
    """
    path = entry.path
    if path is None and entry.config:
        return copy.deepcopy(entry.config)
    if path is None:
        path = built_in_file(entry.name)
    try:
        return load_yaml(path)
    except Exception as error:
        raise ConfigError(f"task file {path} cannot be loaded: {one_line(error)}") from error


def build_task(
    entry: TaskEntry, definition: Definition, results: str, data: str
) -> ConfigurableTask:
    """One lm-eval task over the questions that the definition names, every gold checked.

    Raises:
        ConfigError: the task cannot be traced, or lm-eval refuses it.
        DataError: a data file is malformed, or a question has no gold answer.
    """
    where = f"benchmark {definition.name!r}, task {entry.name!r}"
    try:
        config = task_config(entry)
        check_output_type(config)
        config = {key: value for key, value in config.items() if key not in ("tag", "group")}
        config["num_fewshot"] = 0
        if definition.instruction == "drop":
            config["description"] = ""
        config, origins = with_data(config, entry, definition, results, data)
        try:
            task = ConfigurableTask(config=config)
        except Exception as error:
            # Its constructor renders the first question: a malformed first row ends here too.
            first = f" (its first question is {origins[0]})" if origins else ""
            raise ConfigError(f"lm-eval cannot build it{first}: {one_line(error)}") from error
        check_task(task, definition, origins, config)
    except AtlasError as error:
        raise type(error)(f"{where}: {error}") from error.__cause__
    return task


def with_data(
    config: dict[str, Any], entry: TaskEntry, definition: Definition, results: str, data: str
) -> tuple[dict[str, Any], list[str]]:
    """Point a task at the questions of the definition: local rows, or a pinned hub dataset.

    Returns:
        The configuration, and where each question stands (empty for the hub).
    """
    if not entry.local:
        dataset = hub_dataset(config, entry.revision)
        return config | {"custom_dataset": lambda **_: dataset}, []
    rows = checked_rows(entry, config, definition, results, data)
    splits = splits_of(config, rows)
    # The paths of local files are nothing that lm-eval has to know.
    without = {key: value for key, value in config.items() if key != "dataset_kwargs"}
    return without | {"custom_dataset": lambda **_: splits}, [origin for origin, _ in rows]


def check_task(
    task: ConfigurableTask, definition: Definition, origins: list[str], config: dict[str, Any]
) -> None:
    """Refuse what cannot be traced: other shapes of a task, and questions without a gold answer.

    Args:
        task: what lm-eval built.
        definition: the benchmark.
        origins: where each question stands, empty where that is not known.
        config: the configuration that the task was built from.

    Raises:
        ConfigError: the task has several golds or contexts, filters, or not the metric.
        DataError: a question has no gold answer among its choices.
    """
    if task.multiple_input or task.multiple_target:
        kind = "a context per choice" if task.multiple_input else "several gold answers"
        raise ConfigError(f"it has {kind}; allowed: one context and one gold answer a question")
    if task.config.filter_list is not None:
        raise ConfigError("it filters the model's responses (filter_list), which is not supported")
    metrics = list(task.aggregation())
    if definition.metric not in metrics:
        raise ConfigError(
            f"its metrics are {', '.join(metrics)}, but the definition's key 'metric' is "
            f"{definition.metric!r}"
        )
    twice = check_golds(built_questions(task, definition, origins, config))
    if twice:
        logger.warning(
            "%d questions have one choice twice, the first is %s; lm-eval can count but one of "
            "the two as right",
            len(twice),
            twice[0],
        )


def built_questions(
    task: ConfigurableTask, definition: Definition, origins: list[str], config: dict[str, Any]
) -> Iterator[Question]:
    """The questions of a task as lm-eval made them.

    Raises:
        DataError: lm-eval cannot make a part of one.
    """
    documents = task.eval_docs
    # A function over the dataset may drop questions: then positions do not tell the origin.
    known = len(origins) == len(documents)
    for number, document in enumerate(islice(documents, definition.limit)):
        origin = origins[number] if known else f"question {number}"
        try:
            choices, target = task.doc_to_choice(document), task.doc_to_target(document)
        except Exception as error:
            raise DataError(f"{origin} has no gold answer: {one_line(error)}") from error
        try:
            prompt = task.doc_to_text(document)
        except Exception as error:
            raise DataError(f"{origin} has no prompt: {one_line(error)}") from error
        gold = _gold_of(config, document, target)
        if origins and not callable(config["doc_to_text"]):
            prompt = _same(origin, "prompt", make_prompt(config, document), prompt)
        _same(origin, "gold answer", gold.value, target)
        yield Question(origin, prompt, choices, gold)


def _gold_of(config: dict[str, Any], document: dict[str, Any], target: Any) -> Gold:
    """The gold answer with the text that it comes from, which lm-eval does not tell."""
    if not callable(config["doc_to_target"]):
        return make_gold(config, document)
    return Gold(target, target if isinstance(target, str) else None)


def _same(origin: str, part: str, ours: Any, theirs: Any) -> Any:
    if ours != theirs:
        raise DataError(f"{origin}: lm-eval reads its {part} as {theirs!r}, not {ours!r}")
    return theirs
