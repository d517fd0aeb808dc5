"""Pin a pretrained model: a local folder by its files' digests, a hub id by its revision.

in   nothing, or the files of the local folder
out  model.json: source, path, revision, SHA-256 of the files, digest
"""

from pathlib import Path
from typing import Any

from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.model.loading import describe_folder, model_record
from workflow_scripts.model.pretrained_folder import check_revision


def reference(path: str, revision: str) -> dict[str, Any]:
    """Record of a pretrained model.

    Raises:
        ConfigError: the folder is not a model, or ``path`` is no folder here and ``revision`` is
            no commit hash.
    """
    if Path(path).is_dir():
        return model_record("folder", path, "", describe_folder(path))
    check_revision(path, revision)
    return model_record("hub", path, revision, {})


def main(snakemake: Any) -> None:
    """Write ``model.json``."""
    write_json(snakemake.output.record, reference(snakemake.params.path, snakemake.params.revision))


if __name__ == "__main__":
    run_job(main, snakemake)
