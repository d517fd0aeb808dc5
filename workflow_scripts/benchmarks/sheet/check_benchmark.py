"""Print a benchmark's first question as it is scored, and refuse what cannot be.

    python -m workflow_scripts.benchmarks.sheet.check_benchmark NAME --configfile configs/x.yaml

Prompt, choices and gold answer come from lm-eval, tokens from the study's tokenizer where it is
there, and what the query gradient is taken of from the function that the gradients use.
"""

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.benchmarks.definitions import (
    Definition,
    definition_inputs,
    load_definition,
    resolve,
)
from workflow_scripts.benchmarks.questions import check_local
from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import AtlasError, DataError
from workflow_scripts.corpus.sources.sources import resolve as resolve_data
from workflow_scripts.model.pretrained_folder import longest_sequence, read_config

NO_TOKENIZER = (
    "no tokenizer yet: the study makes it of its corpus; till then texts are shown, no tokens"
)


def check_made(definition: Definition, results: str, data: str) -> None:
    """Refuse questions that a rule of the study has not made yet.

    Raises:
        DataError: names the file and the command that makes it.
    """
    for entry in definition.tasks:
        for written in entry.files:
            path = resolve(written, results, data, definition.path.parent)
            if not Path(path).is_file():
                raise DataError(
                    f"benchmark {definition.name!r} asks {path}, which the study makes and has not "
                    f"made yet: snakemake --cores 1 {path}"
                )


def find_tokenizer(config: Mapping[str, Any], results: str) -> Path | None:
    """Folder of the study's tokenizer: its own, or that of its pretrained model."""
    own = Path(results) / "corpus" / "tokenizer"
    if (own / "tokenizer.json").is_file():
        return own
    pretrained = model_folder(config)
    return pretrained if pretrained and any(pretrained.glob("*token*")) else None


def model_folder(config: Mapping[str, Any]) -> Path | None:
    """The local folder of the study's pretrained model, None where it has none."""
    if config["model"]["source"] != "pretrained":
        return None
    written = config["model"]["pretrained"]["path"]
    path = resolve_data(written, config["data"])
    return Path(path) if Path(path).is_dir() else None


def find_positions(config: Mapping[str, Any]) -> int | None:
    """Tokens that the study's model takes, None where that is not known here."""
    if config["model"]["source"] == "train":
        return config["model"]["train"]["max_positions"]
    folder = model_folder(config)
    return longest_sequence(read_config(folder)) if folder else None


def describe(name: str, config: Mapping[str, Any]) -> str:
    """The page of a benchmark in a study.

    Raises:
        AtlasError: the definition, a file or a question is wrong; one line.
    """
    results, data = f"results/{config['study']}", config["data"]
    definition = load_definition(name)
    definition_inputs(definition, results, data)
    check_made(definition, results, data)
    check_local({name: definition}, results, data)

    from workflow_scripts.benchmarks.lm_eval_adapter import Examiner
    from workflow_scripts.benchmarks.sheet.question_sheet import notes, sheet
    from workflow_scripts.corpus.tokens.tokenizer_files import load_reference
    from workflow_scripts.model.loading import load_tokenizer

    examiner = Examiner(definition, results, data)
    folder, positions = find_tokenizer(config, results), find_positions(config)
    tokenizer = None
    if folder:
        own = folder.is_relative_to(results)
        tokenizer = load_tokenizer(folder) if own else load_reference(str(folder), "")
    queries, problem = examiner.split(tokenizer, positions)
    decode = tokenizer.decode if tokenizer else None
    first = next(iter(examiner.origins.values()))[:1]
    lines = [
        f"benchmark {name}: {definition.title} ({definition.metric})",
        *sheet(queries, first, definition.target, decode, positions),
        "",
        f"tokenizer: {folder}" if folder else NO_TOKENIZER,
        *(f"note: {text}" for text in [*notes(queries), *filter(None, [problem])]),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the page, or one line of what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="benchmark, benchmarks/NAME.yaml")
    parser.add_argument("--configfile", default=None, help="overlay of config.yaml")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        sys.stdout.write(describe(arguments.name, load_study(arguments.configfile)))
    except AtlasError as error:
        sys.exit(f"benchmark error: {error}")


if __name__ == "__main__":
    main()
