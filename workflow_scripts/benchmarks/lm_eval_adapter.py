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

from workflow_scripts.benchmarks.answers import Answers, collect, gold_index
from workflow_scripts.benchmarks.built_in import built_in_file
from workflow_scripts.benchmarks.definitions import Definition, TaskEntry, resolve
from workflow_scripts.benchmarks.local_data import go_offline, one_line, splits_of
from workflow_scripts.benchmarks.questions import choices_problem, prompt_problem
from workflow_scripts.benchmarks.readers import READERS
from workflow_scripts.benchmarks.task_files import data_files, map_data_files
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
        cut = answers.queries["prompt"].is_in(list(scorer.cut_prompts))
        answers.summary["questions_cut"] = int(cut.sum())
        answers.summary["lm_eval"] = importlib.metadata.version("lm_eval")
        return answers


class RecordingLM(HFLM):
    """lm-eval's Hugging Face model, keeping the tokens it scored and showing progress.

    Attributes:
        scored: per (context, continuation) pair the token ids that lm-eval scored and the index
            of the first token of the continuation.
        n_cut: pairs that were cut on the left because the model takes no more tokens.
        cut_prompts: their contexts.
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
        self.cut_prompts: set[str] = set()
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
            if len(ids) < len(context) + len(continuation):
                self.n_cut += 1
                self.cut_prompts.add(pair[0])
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
        check_task(task, definition, origins)
    except AtlasError as error:
        raise type(error)(f"{where}: {error}") from error.__cause__
    return task


def with_data(
    config: dict[str, Any], entry: TaskEntry, definition: Definition, results: str, data: str
) -> tuple[dict[str, Any], list[str]]:
    """Point a task at the questions of the definition: local rows, local files or a pinned hub.

    Returns:
        The configuration, and where each question stands (empty where lm-eval reads the data).
    """

    def path(written: str) -> str:
        return resolve(written, results, data, definition.path.parent)

    if entry.reader:
        rows = READERS[entry.reader]([path(written) for written in entry.files])
        if not rows:
            raise DataError(f"{', '.join(map(path, entry.files))}: no question in it")
        splits = splits_of(config, rows)
        return config | {"custom_dataset": lambda **_: splits}, [origin for origin, _ in rows]
    if data_files(config):
        return map_data_files(config, path), []
    kwargs = (config.get("dataset_kwargs") or {}) | {"revision": entry.revision}
    return config | {"dataset_kwargs": kwargs}, []


def check_task(task: ConfigurableTask, definition: Definition, origins: list[str]) -> None:
    """Refuse what cannot be traced: other shapes of a task, and questions without a gold answer.

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
    # A function over the dataset may drop questions: then positions do not tell the origin.
    documents = task.eval_docs
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
        if problem := choices_problem(choices) or prompt_problem(prompt):
            raise DataError(f"{origin}: {problem}")
        if gold_index(target, choices) is None:
            raise DataError(
                f"{origin} has no gold answer: {target!r} is not the position (0 to "
                f"{len(choices) - 1}) or the text of one of its {len(choices)} choices"
            )
