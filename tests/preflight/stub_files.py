"""Files of one line in the place of a study's corpus and questions: enough to plan it."""

from pathlib import Path

from workflow_scripts.benchmarks.definitions import load_definition


def write_stubs(folder, config):
    """Create every file that the study's config names, ``folder`` being its key ``data``."""
    for pattern in config["corpus"]["files"]["documents"]:
        for number in range(config["corpus"]["parts"]):
            _write(folder, pattern.replace("*", f"part-{number:03d}"))
    for name in config["benchmarks"]:
        for task in load_definition(name).tasks:
            for file in task.files:
                _write(folder, file)


def _write(folder, path):
    file = Path(folder) / path.removeprefix("<data>/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a plan reads no line\n")
