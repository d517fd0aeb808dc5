"""The way to lm-eval: builds its tasks, lets it score them, and reads off the answers.

Prompts, choices, gold and accuracy are lm-eval's; nothing is recomputed here that it reports.
"""

import copy
import importlib.metadata
import logging
from typing import TYPE_CHECKING, Any

from lm_eval import evaluate
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

from workflow_scripts.benchmarks.answers import Answers, collect
from workflow_scripts.benchmarks.built_tasks import check_task
from workflow_scripts.benchmarks.definitions import Definition, TaskEntry
from workflow_scripts.benchmarks.lm_eval_models import RecordingLM, SplittingLM, TextLM, quiet
from workflow_scripts.benchmarks.questions import checked_rows
from workflow_scripts.benchmarks.tasks.built_in import built_in_file
from workflow_scripts.benchmarks.tasks.local_data import (
    go_offline,
    hub_dataset,
    one_line,
    splits_of,
    use_temporary_cache,
)
from workflow_scripts.benchmarks.tasks.task_shape import check_output_type
from workflow_scripts.common.errors import AtlasError, ConfigError

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
        The task, and the place of each of its questions; empty where it is not known.

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
        The configuration, and the place of each question (empty for the hub).
    """
    if not entry.local:
        dataset = hub_dataset(config, entry.revision)
        return config | {"custom_dataset": lambda **_: dataset}, []
    rows = checked_rows(entry, config, definition, results, data)
    splits = splits_of(config, rows)
    # The paths of local files are nothing that lm-eval has to know.
    without = {key: value for key, value in config.items() if key != "dataset_kwargs"}
    return without | {"custom_dataset": lambda **_: splits}, [origin for origin, _ in rows]
