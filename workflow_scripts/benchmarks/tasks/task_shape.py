"""Checks, on the keys of an lm-eval task alone, that it has a form that can be traced."""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.common.errors import ConfigError, nearest

# The keys of a task (lm-eval 0.4.13); a test holds them to the installed one.
KEYS = (
    *("task", "task_alias", "tag", "group", "custom_dataset", "dataset_path", "dataset_name"),
    *("dataset_kwargs", "training_split", "validation_split", "test_split", "fewshot_split"),
    *("process_docs", "doc_to_text", "doc_to_target", "doc_to_image", "doc_to_audio"),
    *("unsafe_code", "doc_to_choice", "process_results", "use_prompt", "description"),
    *("target_delimiter", "fewshot_delimiter", "fewshot_config", "num_fewshot", "metric_list"),
    *("output_type", "generation_kwargs", "repeats", "filter_list", "should_decontaminate"),
    *("doc_to_decontamination_query", "gen_prefix", "metadata"),
)
# Metrics that lm-eval reports of a multiple-choice task that names none.
METRICS = ("acc", "acc_norm")

# The keys that make a question of a row, and what each is.
PARTS = {
    "doc_to_text": "the prompt",
    "doc_to_choice": "the choices, of which there must be two or more",
    "doc_to_target": "the right one of the choices",
}


def check_output_type(config: Mapping[str, Any]) -> None:
    """Refuse a task whose answers are not choices that a model scores.

    Args:
        config: lm-eval configuration of the task, includes merged.

    Raises:
        ConfigError: another output type (lm-eval's default is generate_until), or a class.
    """
    if "class" in config or config.get("output_type") != "multiple_choice":
        kind = "its own class" if "class" in config else repr(config.get("output_type"))
        raise ConfigError(f"output_type is {kind}; allowed: 'multiple_choice'")


def check_parts(config: Mapping[str, Any]) -> None:
    """Refuse a task that does not say what its prompt, choices and right answer are.

    Raises:
        ConfigError: a key is missing or empty.
    """
    for key, meaning in PARTS.items():
        value = config.get(key)
        if value is None or value in ("", [], {}):
            state = f"is {value!r}" if key in config else "is missing"
            raise ConfigError(
                f"the task's key {key!r} {state}; it gives {meaning}: name a column of the "
                "questions, or write a template such as '{{question}}'"
            )


def check_keys(config: Mapping[str, Any]) -> None:
    """Refuse a key that no task has, and responses that are filtered.

    Raises:
        ConfigError: names the key and the nearest known one.
    """
    unknown = [str(key) for key in config if key not in KEYS]
    if unknown:
        raise ConfigError(
            f"the task has the key {unknown[0]!r}, which lm-eval does not know"
            f"{nearest(unknown[0], list(KEYS))}"
        )
    if config.get("num_fewshot"):
        raise ConfigError(
            f"the task has num_fewshot {config['num_fewshot']!r}, but questions are asked bare: an "
            "example before them would be part of what the gradient is taken of; remove the key"
        )
    if config.get("filter_list") is not None:
        raise ConfigError("it filters the model's responses (filter_list), which is not supported")


def check_metric(config: Mapping[str, Any], metric: str) -> None:
    """Refuse a task that does not report the benchmark's metric.

    Raises:
        ConfigError: names the metrics that it has.
    """
    named = config.get("metric_list")
    metrics = METRICS if named is None else [each.get("metric") for each in named]
    if metric not in metrics:
        raise ConfigError(
            f"its metrics are {', '.join(map(str, metrics))}, but the definition's key 'metric' is "
            f"{metric!r}"
        )


def check_unique(names: list[str]) -> None:
    """Refuse two tasks of one name."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"key 'tasks' names {', '.join(repeated)} more than once")
