"""The reasons of failed jobs, as the last lines of a run."""

import subprocess
import sys

from workflow_scripts.run.failures import failed_logs, reason_of

RUN = """
rule index:
    log: logs/index/p0.log
    jobid: 1
Error in rule index:
    message: None
    jobid: 1
    log: logs/index/p0.log (check log file(s) for error details)
localrule draw:
    jobid: 2
Error in rule draw:
    jobid: 2
    log: logs/draw.log (check log file(s) for error details)
Trying to restart job 2.
rule draw:
    jobid: 2
Finished jobid: 2 (Rule: draw)
Error in group job tables:
    Error in rule gather:
        jobid: 3
        log: logs/gather.log (check log file(s) for error details)
"""


def test_jobs_that_failed_for_good_are_found(tmp_path):
    assert failed_logs(RUN) == ["logs/index/p0.log", "logs/gather.log"]


def test_reason_is_the_last_line_of_the_log(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("12:00:00 index p0: begins\n12:00:01 index p0: file a, row 3: no text\n\n")
    assert reason_of(str(log)) == "index p0: file a, row 3: no text"
    log.write_text("")
    assert "nothing was written" in reason_of(str(log))
    assert "nothing was written" in reason_of(str(tmp_path / "gone.log"))


def test_reasons_are_the_last_that_is_printed(tmp_path):
    """Also after what is printed when the handler has returned."""
    (tmp_path / "run.log").write_text(RUN.replace("logs/", f"{tmp_path}/logs/"))
    code = (
        "import sys; from workflow_scripts.run.failures import report_failures;"
        "report_failures([sys.argv[1]]); sys.stderr.write('Exiting\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run.log")], capture_output=True, text=True
    )
    lines = done.stderr.splitlines()
    assert lines[0] == "Exiting"
    assert "gather.log: nothing was written" in lines[-1]
