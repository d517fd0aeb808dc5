"""Which shapes of an lm-eval task can be traced, as far as its keys say it."""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.common.errors import ConfigError

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


def check_unique(names: list[str]) -> None:
    """Refuse two tasks of one name."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"key 'tasks' names {', '.join(repeated)} more than once")
