"""Made-up questions, and a folder to write definitions into."""

import json
from pathlib import Path

import yaml

from workflow_scripts.benchmarks.definitions import load_definition

PROMPTS = [
    "The bashful guest who fails a test feels",
    "A bar of tin that is heated soon",
    "The town of Brenton is governed by a",
    "Q: Who sings at night?\nA:",
]
CHOICES = ["proud", "melts away slowly", "council", "the owl", "été"]


def inline(name: str = "made_up", **changes) -> dict:
    """A multiple-choice task in the keys of lm-eval, asking rows of prompt, choices, gold."""
    return {
        "task": name,
        "output_type": "multiple_choice",
        "test_split": "test",
        "doc_to_text": "prompt",
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "metadata": {"version": 2.0},
        **changes,
    }


def row(number: int, n_choices: int = 4) -> dict:
    """A question whose choices and gold turn with its number."""
    turned = [CHOICES[(number + k) % len(CHOICES)] for k in range(n_choices)]
    return {
        "prompt": f"{PROMPTS[number % len(PROMPTS)]}",
        "choices": turned,
        "gold": number % n_choices,
    }


class Workbench:
    """A definitions folder and a results folder to write into."""

    def __init__(self, root: Path) -> None:
        self.folder, self.results = root / "benchmarks", root / "results"
        self.folder.mkdir()
        self.questions = self.results / "questions.jsonl"
        self.questions.parent.mkdir()

    def ask(self, rows: list, task: dict | None = None, **keys):
        """Definition ``made_up`` over ``rows``, one JSON line each."""
        self.questions.write_text("".join(json.dumps(item) + "\n" for item in rows))
        data = {"reader": "jsonl", "files": ["<results>/questions.jsonl"]}
        return self.define(tasks=[{"config": task or inline(), "data": data}], **keys)

    def define(self, **keys):
        """Write and load the definition ``made_up``."""
        self.write(**keys)
        return load_definition("made_up", self.folder)

    def write(self, **keys) -> None:
        """Write the definition ``made_up``."""
        base = {"title": "T", "domain": "social", "capability": "reasoning", "answer_form": "text"}
        (self.folder / "made_up.yaml").write_text(yaml.safe_dump(base | keys))
