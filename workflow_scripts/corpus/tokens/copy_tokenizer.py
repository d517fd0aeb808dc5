"""Take over the tokenizer of a pretrained model.

in   files: tokenizer files of a local model folder, or none for a hub id
out  tokenizer, settings: tokenizer.json and tokenizer_config.json of one folder
"""

from typing import Any

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.job import run_job
from workflow_scripts.corpus.tokens.tokenizer import plain_ids, special_tokens
from workflow_scripts.corpus.tokens.tokenizer_files import (
    load_reference,
    load_tokenizer,
    save_tokenizer,
)

# Words, spaces, marks and scripts that tokenizers treat in ways of their own.
PROBE = "A text, with  two spaces\n\nand 3 lines; été, 東京 😀.\tEnd"


def check_copy(tokenizer: Any, copy: Any, path: str) -> None:
    """Refuse a copy that does not give the tokens of the original.

    Raises:
        IntegrityError: the tokens of a text, or those added to it, differ.
    """
    for of_text in (special_tokens, lambda each: plain_ids(each, PROBE)):
        original, copied = of_text(tokenizer), of_text(copy)
        if original != copied:
            raise IntegrityError(
                f"the tokenizer of {path!r} ({type(tokenizer).__name__}) does not survive being "
                f"saved: a text has the tokens {original} before and {copied} after; save it with "
                "save_pretrained of the transformers release used here"
            )


def main(snakemake: Any) -> None:
    """Load by path and revision, save the two files that the workflow reads."""
    tokenizer = load_reference(snakemake.params.path, snakemake.params.revision)
    save_tokenizer(tokenizer, snakemake.output.tokenizer, snakemake.output.settings)
    check_copy(tokenizer, load_tokenizer(snakemake.output.tokenizer), snakemake.params.path)


if __name__ == "__main__":
    run_job(main, snakemake)
