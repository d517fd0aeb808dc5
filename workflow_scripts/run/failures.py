"""Last words of a failed run: why each job failed, after all that Snakemake prints."""

import atexit
import re
import sys
from pathlib import Path

# Beginning of a job's log and terminal lines: 12:01:59 rule wildcards:
STAMP = re.compile(r"^\d\d:\d\d:\d\d ")


def failed_logs(run_log: str) -> list[str]:
    """Logs of the jobs that failed and were not made good by a later try, in order.

    Args:
        run_log: what Snakemake wrote of its run.
    """
    failed: dict[str, str] = {}
    block, jobid = "", ""
    for line in run_log.splitlines():
        if found := re.match(r"^(?:Error in )?(?:local)?(?:group job|rule) (\w+):", line):
            block = "error" if line.startswith("Error") else "start"
        elif found := re.match(r"^ +jobid: (\d+)", line):
            jobid = found[1]
        elif block == "error" and (found := re.match(r"^ +log: (.+?)(?: \(check.*)?$", line)):
            failed[jobid] = found[1]
        elif found := re.match(r"^Finished jobid: (\d+)", line):
            failed.pop(found[1], None)
    return list(dict.fromkeys(failed.values()))


def reason_of(log: str) -> str:
    """Last line of a job's log, which says why it failed."""
    try:
        lines = [
            line for line in Path(log).read_text(errors="replace").splitlines() if line.strip()
        ]
    except OSError:
        lines = []
    if not lines:
        return f"{log}: nothing was written; the job was stopped from outside, or its machine was"
    return STAMP.sub("", lines[-1])


def report_failures(logs: list[str]) -> None:
    """Print why each job failed, as the last lines that this process prints.

    Args:
        logs: log files of this run of Snakemake.
    """
    failed = [log for path in logs for log in failed_logs(Path(path).read_text(errors="replace"))]
    if failed:
        atexit.register(_print_reasons, failed)


def _print_reasons(failed: list[str]) -> None:
    lines = [f"    {log}\n{reason_of(log)}" for log in failed]
    sys.stdout.flush()
    sys.stderr.write("\nFailed, with the last line of each log:\n" + "\n".join(lines) + "\n")
