"""The shell around every rule script: log, checks of inputs, sidecars, errors for people."""

import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workflow_scripts.common.digests import SourceDigests, digests_folder
from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.files import remove_temporaries
from workflow_scripts.common.locks import hold, is_stray
from workflow_scripts.common.provenance import (
    input_digests,
    recorded_inputs,
    recorded_params,
    sidecar_path,
    verify,
    write_sidecar,
)

logger = logging.getLogger("atlas")


def run_job(main: Callable[[Any], None], snakemake: Any) -> None:
    """Run one rule's ``main`` and leave its log, its sidecars, or one clear line of error.

    Inputs are checked against their sidecars first; the sidecars of the outputs are written
    last. An :class:`AtlasError` ends the job with its message alone; anything else with its
    traceback. Both go to the rule's log and to the terminal.

    Args:
        main: takes the ``snakemake`` object (or a namespace with input, output, params, ...).
        snakemake: the object that Snakemake gives a script.
    """
    config = getattr(snakemake, "config", None)
    if config and is_stray(f"results/{config['study']}"):
        sys.exit("this job's run has ended, and another run of the study goes on; nothing is made")
    attach_log(snakemake)
    try:
        remove_leftovers(snakemake)
        check_inputs(snakemake)
        main(snakemake)
        write_sidecars(snakemake)
    except AtlasError as error:
        logger.error("%s", error)
        sys.exit(1)
    except Exception:
        logger.error("failed\n%s", traceback.format_exc())
        sys.exit(1)
    logger.info("done")


def label(snakemake: Any) -> str:
    """Name of a job for people: the rule and its wildcards."""
    wildcards = dict(snakemake.wildcards.items()) if hasattr(snakemake, "wildcards") else {}
    return " ".join([snakemake.rule, *map(str, wildcards.values())])


def attach_log(snakemake: Any) -> None:
    """Send log records to the rule's log file and to the terminal, third parties quieted."""
    log_file = str(snakemake.log[0]) if snakemake.log else None
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log_file:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        file_handler = logging.FileHandler(log_file, mode="w")
        # By its locked log a job that outlives its run is found (run/lock.py).
        hold(file_handler.stream)
        handlers.append(file_handler)
    style = logging.Formatter(f"%(asctime)s {label(snakemake)}: %(message)s", "%H:%M:%S")
    root = logging.getLogger()
    root.handlers.clear()
    for handler in handlers:
        handler.setFormatter(style)
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logger.setLevel(logging.INFO)


def check_inputs(snakemake: Any) -> None:
    """Check each input against its sidecar."""
    for path in map(str, snakemake.input):
        verify(path)


def remove_leftovers(snakemake: Any) -> None:
    """Remove sidecars and temporary files of an earlier run: Snakemake deletes outputs alone."""
    for path in map(str, snakemake.output):
        sidecar_path(path).unlink(missing_ok=True)
        remove_temporaries(path)
        remove_temporaries(sidecar_path(path))


def write_sidecars(snakemake: Any) -> None:
    """Write the sidecar of every declared output."""
    inputs = input_digests(recorded_inputs(snakemake.input.items()), source_digests(snakemake))
    params = recorded_params(snakemake.params.items())
    for path in map(str, snakemake.output):
        write_sidecar(path, snakemake.rule, params, inputs)


def source_digests(snakemake: Any) -> SourceDigests:
    """Digests of files without a record, as the job's study keeps them."""
    config = getattr(snakemake, "config", None)
    return SourceDigests(digests_folder(f"results/{config['study']}") if config else None)
