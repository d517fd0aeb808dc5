"""The only importer of lm-eval: builds its tasks, lets it score them, and reads off the answers.

Prompts, choices, gold and accuracy are lm-eval's; nothing is recomputed here that it reports.
"""

import copy
import functools
import importlib.metadata
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import lm_eval.api.task
import torch
from lm_eval import evaluate
from lm_eval.api.model import LM
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml

from workflow_scripts.benchmarks.answers import Answers, collect
from workflow_scripts.benchmarks.built_in import built_in_file
from workflow_scripts.benchmarks.built_tasks import check_task
from workflow_scripts.benchmarks.definitions import Definition, TaskEntry
from workflow_scripts.benchmarks.local_data import (
    go_offline,
    hub_dataset,
    one_line,
    splits_of,
    use_temporary_cache,
)
from workflow_scripts.benchmarks.questions import checked_rows
from workflow_scripts.benchmarks.task_shape import check_output_type
from workflow_scripts.common.errors import AtlasError, ConfigError, DataError
from workflow_scripts.common.progress import Progress
from workflow_scripts.corpus.tokenizer import plain_ids, special_tokens

if TYPE_CHECKING:
    import polars as pl
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
            built = {
                entry.name: build_task(entry, definition, results, data)
                for entry in definition.tasks
            }
        self.tasks = {name: task for name, (task, _) in built.items()}
        self.origins = {name: origins for name, (_, origins) in built.items()}

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
        scorer = RecordingLM(model, tokenizer, batch_size, progress)
        answers = self._collect(scorer)
        if problem := scorer.cut_choices():
            logger.warning("%s", problem)
        cut = answers.queries["prompt"].is_in(list(scorer.cut_prompts))
        answers.summary["questions_cut"] = int(cut.sum())
        answers.summary["lm_eval"] = importlib.metadata.version("lm_eval")
        return answers

    def split(
        self, tokenizer: "PreTrainedTokenizerBase | None", positions: int | None = None
    ) -> tuple["pl.DataFrame", str]:
        """Split every question into the tokens that a model would be asked, without a model.

        Args:
            tokenizer: the tokenizer; without one no query has tokens.
            positions: tokens that the model takes, None where that is not known.

        Returns:
            Rows of the table queries, and a line on choices that do not fit, or an empty text.
        """
        scorer = SplittingLM(tokenizer, positions) if tokenizer else TextLM()
        queries = self._collect(scorer).queries
        return queries, scorer.cut_choices() if tokenizer else ""

    def _collect(self, scorer: Any) -> Answers:
        with quiet():
            # evaluate, not simple_evaluate: that one also loads tasks by name, asks git and
            # lists the machine's hardware.
            report = evaluate(
                scorer, {"tasks": self.tasks}, limit=self.definition.limit, log_samples=True
            )
        return collect(self.definition, self.tasks, report, scorer.scored)


class RecordingLM(HFLM):
    """lm-eval's Hugging Face model, keeping the tokens it scored and showing progress.

    It asks in the tokens of the study: what the tokenizer puts in front of every text also begins
    each question, and nothing stands between a prompt and its answer or behind it.

    Attributes:
        front: token ids that every question begins with.
        scored: per (context, continuation) pair the token ids that lm-eval scored and the index
            of the first token of the continuation.
        n_asked: choices asked.
        n_cut: of these, cut on the left because the model takes no more tokens.
        cut_prompts: their prompts.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        batch_size: int,
        progress: bool = True,
    ) -> None:
        """Wrap a loaded model."""
        with quiet():
            super().__init__(
                pretrained=model,
                tokenizer=tokenizer,
                batch_size=batch_size,
                # By default a bfloat16 model's log-likelihoods are rounded to bfloat16, about
                # three digits: answers tie and margins of a nat drown.
                softmax_dtype="float32",
            )
        self.front = list(special_tokens(tokenizer).front)
        self.scored: dict[tuple[str, str], tuple[list[int], int]] = {}
        self.n_asked = self.n_cut = 0
        self.cut_prompts: set[str] = set()
        self._shows_progress = progress
        self._progress: Progress | None = None

    def loglikelihood(self, requests: list, disable_tqdm: bool = True) -> list:
        """Score requests without lm-eval's own progress bars."""
        return super().loglikelihood(requests, disable_tqdm=True)

    def cut_choices(self) -> str:
        """A line on the choices that were cut, empty where none was."""
        if not self.n_cut:
            return ""
        return (
            f"{self.n_cut} of {self.n_asked} choices are longer, with their prompt, than the "
            f"model's {self.max_length} tokens; lm-eval cut them on the left"
        )

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **kwargs: Any
    ) -> list[int]:
        """Tokens of a text by the rule that holds for documents too."""
        front = [] if add_special_tokens is False else self.front
        return front + plain_ids(self.tokenizer, string)

    @property
    def prefix_token_id(self) -> int:
        """Token that stands for the prompt of a question that has none."""
        tokens = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id)
        known = [*self.front[-1:], *(token for token in tokens if token is not None)]
        if not known:
            raise DataError(
                "a question has no prompt, and the tokenizer has no token to begin a text with "
                "(no bos_token or eos_token); give every question a prompt"
            )
        return known[0]

    def _keep(self, requests: list) -> list:
        """Keep the tokens of requests as they are scored.

        Returns:
            The requests; one without a prompt begins with what begins every text.

        Raises:
            DataError: a choice does not fit into the model, or has no token of its own.
        """
        requests = [
            (pair, self.front if self.front and not pair[0] else context, continuation)
            for pair, context, continuation in requests
        ]
        for pair, context, continuation in requests:
            if not context:
                raise DataError(
                    f"the prompt {pair[0]!r} of choice {pair[1]!r} has no token before the answer; "
                    "give the question a prompt"
                )
            if not 0 < len(continuation) <= self.max_length:
                raise DataError(
                    f"choice {pair[1]!r} of the question {pair[0][:80]!r} has {len(continuation)} "
                    f"tokens; the model can score 1 to {self.max_length}"
                )
            # HFLM feeds the last max_length + 1 tokens, the very last only as a target.
            ids = (context + continuation)[-(self.max_length + 1) :]
            self.n_asked += 1
            if len(ids) < len(context) + len(continuation):
                self.n_cut += 1
                self.cut_prompts.add(pair[0])
            self.scored[pair] = (ids, len(ids) - len(continuation))
        return requests

    def _loglikelihood_tokens(self, requests: list, *args: Any, **kwargs: Any) -> list:
        requests = self._keep(requests)
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


class SplittingLM(RecordingLM):
    """Splits questions into tokens as lm-eval does, and scores none: no model is there."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", positions: int | None) -> None:
        """Take the place of a model of so many positions."""
        config = SimpleNamespace(model_type="", max_position_embeddings=positions)
        stand_in = SimpleNamespace(device=torch.device("cpu"), config=config)
        super().__init__(stand_in, tokenizer, batch_size=1, progress=False)

    def _loglikelihood_tokens(self, requests: list, *args: Any, **kwargs: Any) -> list:
        self._keep(requests)
        return [(0.0, False)] * len(requests)


class TextLM(LM):
    """Takes questions as texts where there is no tokenizer yet."""

    def __init__(self) -> None:
        """Begin without a question."""
        super().__init__()
        self.scored: dict[tuple[str, str], tuple[list[int], int]] = {}

    def loglikelihood(self, requests: list) -> list:
        """Keep the pairs, which have no tokens."""
        self.scored |= {request.args: ([], 0) for request in requests}
        return [(0.0, False)] * len(requests)

    def loglikelihood_rolling(self, requests: list) -> list:
        """Not asked of multiple choice."""
        raise NotImplementedError

    def generate_until(self, requests: list) -> list:
        """Not asked of multiple choice."""
        raise NotImplementedError


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
) -> tuple[ConfigurableTask, list[str]]:
    """One lm-eval task over the questions that the definition names, every gold checked.

    Returns:
        The task, and where each of its questions stands; empty where that is not known.

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
    return task, origins if len(origins) == len(task.eval_docs) else []


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
