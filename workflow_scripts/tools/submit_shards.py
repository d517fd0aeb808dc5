"""Run the document pass of some shards outside Snakemake, through submitit, to try a machine.

    python -m workflow_scripts.tools.submit_shards --configfile configs/x.yaml --shards 0-3

The study's corpus and model must be finished; its preconditioner is used if it exists, and
fitted in the trial if not. Everything goes to a folder of the trial's own,
results/<study>/trials/<name>: the workflow never reads it, and a trial never writes what the
workflow made. Snakemake submits the study's jobs and submitit those of a trial, never both one job.
"""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import submitit
import torch
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, Wildcards

from workflow_scripts.attribution import VERSION
from workflow_scripts.attribution.parameters import document_pass, preconditioner_fit
from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import AtlasError, ConfigError, DataError
from workflow_scripts.common.job import run_job

SCRIPTS = "workflow_scripts.attribution"


@dataclass(frozen=True)
class Step:
    """One job: a rule's script with its files, as Snakemake would call it.

    Attributes:
        rule: name of the rule and of its script.
        name: what the job is about, for its log and messages.
        input: files by name.
        output: files by name.
        params: parameters by name.
        log: the log file.
    """

    rule: str
    name: str
    input: dict[str, Any]
    output: dict[str, str]
    params: dict[str, Any]
    log: str

    def __call__(self) -> float:
        """Run it.

        Returns:
            Seconds it took.

        Raises:
            RuntimeError: it failed; its log says why.
        """
        call = SimpleNamespace(
            rule=self.rule,
            input=InputFiles(fromdict=self.input),
            output=OutputFiles(fromdict=self.output),
            params=Params(fromdict=self.params),
            wildcards=Wildcards(fromdict={"name": self.name}),
            log=Log(toclone=[self.log]),
            threads=1,
        )
        torch.set_num_threads(call.threads)
        start = time.monotonic()
        try:
            run_job(import_module(f"{SCRIPTS}.{self.rule}").main, call)
        except SystemExit:
            raise RuntimeError(f"{self.rule} {self.name} failed; see {self.log}") from None
        return time.monotonic() - start


def read_shards(text: str, count: int) -> list[str]:
    """Names of the shards that ``0-3`` or ``0,2,5-7`` means.

    Raises:
        ConfigError: the text is no list of numbers, or names a shard that the study has not.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not match:
            raise ConfigError(f"--shards is {text!r}; allowed: numbers and ranges, such as 0-3,7")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or last >= count:
            raise ConfigError(
                f"--shards names {part.strip()!r}; allowed: 0 to {count - 1}, the study's "
                f"corpus.shards is {count}"
            )
        numbers |= set(range(first, last + 1))
    return [f"s{number:04d}" for number in sorted(numbers)]


def plan(
    config: dict[str, Any], shards: Sequence[str], trial: Path
) -> tuple[list[Step], list[Step]]:
    """The steps of a trial: first the preconditioner where the study has none, then the shards.

    Args:
        config: the complete configuration.
        shards: names of the shards to attribute.
        trial: folder of the trial.

    Raises:
        DataError: a file of the study that the trial reads is not there.
    """
    results = Path("results") / config["study"]
    record = results / "model" / "model.json"
    every = [f"s{number:04d}" for number in range(config["corpus"]["shards"])]
    files = {shard: results / "corpus" / "shards" / f"{shard}.parquet" for shard in every}
    fitted = {"moments": "moments.safetensors", "settings": "settings.json"}
    folder = results / "attribution" / "preconditioner"
    fits = []
    if not all((folder / name).exists() for name in fitted.values()):
        _check_there(config["study"], [record, *files.values()])
        folder = trial / "preconditioner"
        fits.append(
            Step(
                "fit_preconditioner",
                "preconditioner",
                {"shards": [str(path) for path in files.values()], "record": str(record)},
                {key: str(folder / name) for key, name in fitted.items()},
                preconditioner_fit(config) | {"version": VERSION},
                str(trial / "logs" / "fit_preconditioner.log"),
            )
        )
    _check_there(config["study"], [record, *(files[shard] for shard in shards)])
    whitening = {key: str(folder / name) for key, name in fitted.items()}
    kept = config["attribution"]["rows"] == "keep"
    return fits, [
        Step(
            "attribute_documents",
            shard,
            {"shard": str(files[shard]), "record": str(record), **whitening},
            {"sketch": str(trial / "sketches" / f"{shard}.npz")}
            | ({"rows": str(trial / "rows" / f"{shard}.npy")} if kept else {}),
            document_pass(config) | {"version": VERSION, "shard": shard},
            str(trial / "logs" / f"{shard}.log"),
        )
        for shard in shards
    ]


def _check_there(study: str, paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise DataError(
                f"study {study!r} has no {path}; a trial needs the study's corpus and model: run "
                f"'snakemake --cores all {path}' with the same --configfile first"
            )


def submit(executor: submitit.AutoExecutor, steps: Sequence[Step], say: Any) -> int:
    """Submit the steps side by side, wait for them and say how each ended.

    Returns:
        How many failed.
    """
    with executor.batch():
        jobs = [executor.submit(step) for step in steps]
    failed = 0
    for step, job in zip(steps, jobs, strict=True):
        try:
            say(f"{step.rule} {step.name}: {job.result():.1f} s (job {job.job_id})\n")
        except Exception as error:  # submitit wraps what a job raised in errors of its own
            failed += 1
            last = str(error).strip().splitlines()[-1]
            say(f"{step.rule} {step.name}: failed (job {job.job_id}): {last}\n")
    return failed


def run(arguments: argparse.Namespace) -> int:
    """Plan and submit a trial; the number of failed jobs."""
    config = load_study(arguments.configfile)
    shards = read_shards(arguments.shards, config["corpus"]["shards"])
    name = arguments.name or f"shards-{arguments.shards.replace(',', '_')}"
    trial = Path("results") / config["study"] / "trials" / name
    if trial.exists():
        raise ConfigError(f"the trial {trial} is there already; delete it, or give another --name")
    fits, passes = plan(config, shards, trial)
    executor = submitit.AutoExecutor(folder=trial / "submitit", cluster=arguments.cluster)
    gpus = 0 if config["model"]["device"] == "cpu" else arguments.gpus
    cluster = {"partition": arguments.partition, "account": arguments.account}
    executor.update_parameters(
        name=f"atlas-{config['study']}",
        timeout_min=arguments.minutes,
        mem_gb=arguments.memory,
        cpus_per_task=1,
        gpus_per_node=gpus,
        **{f"slurm_{key}": value for key, value in cluster.items() if value},
    )
    say = sys.stdout.write
    if submit(executor, fits, say):
        return 1
    failed = submit(executor, passes, say)
    say(f"{len(passes) - failed} of {len(passes)} shards done; the trial is in {trial}\n")
    return failed


def main() -> None:
    """Read the command line and run a trial."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", help="the study, an overlay of config.yaml")
    parser.add_argument("--shards", required=True, help="numbers and ranges, such as 0-3,7")
    parser.add_argument("--cluster", choices=["slurm", "local", "debug"], default="slurm")
    parser.add_argument("--name", help="of the trial's folder; default shards-<shards>")
    parser.add_argument("--partition", help="Slurm partition")
    parser.add_argument("--account", help="Slurm account")
    parser.add_argument("--minutes", type=int, default=240, help="time limit of a job")
    parser.add_argument("--memory", type=int, default=32, help="GB of memory of a job")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs of a job, unless device is cpu")
    try:
        sys.exit(min(1, run(parser.parse_args())))
    except AtlasError as error:
        sys.exit(f"submit_shards: {error}")


if __name__ == "__main__":
    main()
