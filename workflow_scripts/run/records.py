"""Rerun by content: an artifact's own record decides whether it is made again.

Snakemake decides by the times of files and by notes in ``.snakemake``, which a copied, moved or
touched study has wrong or not at all. Here a job is out of date where an artifact of it has no
record, or the record names another parameter or another content of an input than the study has
now. Snakemake learns it through its own persistence: this module is the one that knows its insides
(9.27; held by tests/run/test_records.py).
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import snakemake.workflow
from snakemake.io import _IOFile
from snakemake.persistence import ParamsChange
from snakemake.persistence.file import FilePersistence
from snakemake.settings.types import RerunTrigger

from workflow_scripts.common.digests import SourceDigests, digests_folder
from workflow_scripts.common.provenance import (
    content_digest,
    param_digests,
    read_record,
    recorded_inputs,
    recorded_params,
)
from workflow_scripts.run.lock import study_lock

Record = dict[str, Any]


class StudyRecords(FilePersistence):
    """Snakemake's notes of one study, kept with the study; artifacts' records decide on reruns.

    Args:
        results: folder of the study's results.
        *args, **kwargs: as Snakemake passes them.
    """

    def __init__(self, *args: Any, results: str, **kwargs: Any):
        """Set Snakemake's own up, then keep its notes in the study."""
        super().__init__(*args, **kwargs)
        self._results = results
        self._contents: dict[str, str | None] = {}
        self._max_len = 255
        # Not by a script's time: a stage's VERSION says when its code makes other numbers.
        kinds = frozenset({RerunTrigger.PARAMS, RerunTrigger.INPUT})
        self.dag.workflow.dag_settings.rerun_triggers = kinds
        # One lock of the study replaces Snakemake's locks of files, which end with any run's end.
        notes = Path(results, ".state", "snakemake")
        self._metadata_path = str(notes / "metadata")
        self._incomplete_path = str(notes / "incomplete")

    def lock(self) -> Any:
        """Hold the study for this run; another run of it is refused in one line."""
        return study_lock(self._results)

    def has_metadata(self, job: Any) -> bool:
        """Say yes, so that the two questions below are asked of every job."""
        return True

    def has_outdated_metadata(self, job: Any) -> bool:
        """Say no: artifacts' records have one form."""
        return False

    def params_changed(self, job: Any, file: Any = None) -> bool | ParamsChange:
        """Compare a job's parameters with those that its artifacts record."""
        now = param_digests(recorded_params(job.params.items()))
        changed = ParamsChange()
        for output, record in _records(job, file):
            if record is None:
                if Path(output).exists():
                    changed |= ParamsChange(only_new={"no record"}, files={output})
                continue
            old, new = set(record.get("params", {}).items()), set(now.items())
            names = ({name for name, _ in old - new}, {name for name, _ in new - old})
            changed |= ParamsChange(*names, files={output})
        return changed

    def input_changed(self, job: Any, file: Any = None) -> Any:
        """Compare a job's inputs with those that its artifacts record.

        Files whose content differs are shown as updated inputs. An input that is not there will
        be made, and what depends on it with it.
        """
        changed = False
        inputs = recorded_inputs(job.input.items())
        for _, record in _records(job, file):
            if record is not None:
                files = set(self._differing(inputs, record["inputs"]))
                self.dag.reason(job).updated_input.update(files - {""})
                changed |= "" in files
        return changed if file is not None else iter([True] if changed else [])

    def _differing(self, inputs: dict[str, Any], recorded: dict[str, Any]) -> Iterator[str]:
        """Inputs of another content than recorded; an empty text where their set differs."""
        if set(inputs) != set(recorded):
            yield ""
        for name in set(inputs) & set(recorded):
            paths, digests = _listed(inputs[name]), _listed(recorded[name])
            if len(paths) != len(digests):
                yield ""
                continue
            for path, digest in zip(paths, digests, strict=True):
                if self._content(path) not in (None, digest):
                    yield path

    def _content(self, path: str) -> str | None:
        """Digest of a file; None where it is not there. A shard is asked for by thousands."""
        if path not in self._contents:
            sources = SourceDigests(digests_folder(self._results))
            there = Path(path).exists()
            self._contents[path] = content_digest(path, sources) if there else None
        return self._contents[path]

    def _clear_cache(self) -> None:
        """Forget what was read, as Snakemake does before something changes."""
        super()._clear_cache()
        self._contents.clear()


def _listed(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _records(job: Any, file: Any) -> list[tuple[str, Record | None]]:
    """Artifacts of a job, or the one that is asked for, with their records."""
    return [(str(path), read_record(path)) for path in ([file] if file else job.output)]


def rerun_by_content(workflow: Any, results: str) -> None:
    """Make Snakemake decide by artifacts' records in this process.

    Called while the workflow is parsed, before Snakemake sets its persistence up.

    Args:
        workflow: the object that Snakemake gives a Snakefile.
        results: folder of the study's results.
    """
    snakemake.workflow.FilePersistence = partial(StudyRecords, results=results)
    # A file's time says nothing of its content.
    _IOFile.is_newer = _never
    # Its advice, to go by times or to delete notes, would do nothing here.
    workflow.log_provenance_info = _nothing


def _nothing() -> None:
    pass


async def _never(file: Any, time: float) -> bool:
    return False
