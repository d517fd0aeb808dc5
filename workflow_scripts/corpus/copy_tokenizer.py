"""Take over the tokenizer of a pretrained model.

in   files: tokenizer files of a local model folder, or none for a hub id
out  tokenizer, settings: tokenizer.json and tokenizer_config.json of one folder
"""

from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.corpus.tokenizer_files import load_reference, save_tokenizer


def main(snakemake: Any) -> None:
    """Load by path and revision, save the two files that the workflow reads."""
    tokenizer = load_reference(snakemake.params.path, snakemake.params.revision)
    save_tokenizer(tokenizer, snakemake.output.tokenizer, snakemake.output.settings)


if __name__ == "__main__":
    run_job(main, snakemake)
