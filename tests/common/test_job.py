"""The shell around rule scripts: logs, sidecars, damaged inputs, errors for people."""

import json
import logging
from pathlib import Path

import pytest

from tests.support import rule_call
from workflow_scripts.common.errors import DataError, IntegrityError
from workflow_scripts.common.files import atomic_path, file_digest, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.provenance import sidecar_path, verify, write_sidecar


def copy_main(snakemake):
    logging.getLogger("atlas").info("copying")
    with atomic_path(snakemake.output.copy) as temporary:
        temporary.write_text(Path(snakemake.input.source).read_text())


def call(tmp_path, **params):
    (tmp_path / "in.txt").write_text("text")
    return rule_call(
        "copy",
        input={"source": str(tmp_path / "in.txt")},
        output={"copy": tmp_path / "out.txt"},
        params={"version": 1, "seed": 7} | params,
        log=tmp_path / "copy.log",
    )


def test_job_leaves_log_and_sidecar_without_time_host_or_path(tmp_path):
    run_job(copy_main, call(tmp_path))
    assert "copying" in (tmp_path / "copy.log").read_text()
    record = json.loads(sidecar_path(tmp_path / "out.txt").read_text())
    assert record["bytes"] == 4
    assert record["seeds"] == {"seed": 7}
    assert list(record["inputs"]) == ["source"]
    assert str(tmp_path) not in sidecar_path(tmp_path / "out.txt").read_text()


def test_same_job_leaves_the_same_sidecar_and_another_parameter_another_digest(tmp_path):
    run_job(copy_main, call(tmp_path))
    first = sidecar_path(tmp_path / "out.txt").read_bytes()
    run_job(copy_main, call(tmp_path))
    assert sidecar_path(tmp_path / "out.txt").read_bytes() == first
    run_job(copy_main, call(tmp_path, version=2))
    assert sidecar_path(tmp_path / "out.txt").read_bytes() != first


def test_expected_error_is_one_line_in_log_and_terminal(tmp_path, capsys):
    def fail(snakemake):
        raise DataError("file x, row 3: no text")

    with pytest.raises(SystemExit):
        run_job(fail, call(tmp_path))
    log = (tmp_path / "copy.log").read_text()
    assert "copy: file x, row 3: no text" in log
    assert "Traceback" not in log
    assert "file x, row 3" in capsys.readouterr().err


def test_unexpected_error_leaves_its_traceback_in_the_log(tmp_path):
    def fail(snakemake):
        raise RuntimeError("surprise")

    with pytest.raises(SystemExit):
        run_job(fail, call(tmp_path))
    log = (tmp_path / "copy.log").read_text()
    assert "Traceback" in log
    assert "surprise" in log


@pytest.mark.parametrize(("damage", "words"), [("te", "truncated"), ("tex!", "digest differs")])
def test_damaged_input_stops_the_job_before_it_starts(tmp_path, damage, words):
    snakemake = call(tmp_path)
    write_sidecar(tmp_path / "in.txt", "make", {}, {})
    (tmp_path / "in.txt").write_text(damage)
    with pytest.raises(SystemExit):
        run_job(copy_main, snakemake)
    assert words in (tmp_path / "copy.log").read_text()
    assert not (tmp_path / "out.txt").exists()


def test_source_file_without_record_passes(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    verify(tmp_path / "mine.txt")


def test_failed_write_leaves_the_old_file_and_no_temporary(tmp_path):
    target = tmp_path / "value.json"
    write_json(target, {"a": 1})
    with pytest.raises(TypeError):
        write_json(target, {"a": object()})
    assert json.loads(target.read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["value.json"]


def test_longer_file_than_its_record_is_called_changed(tmp_path):
    (tmp_path / "a.txt").write_text("ab")
    write_sidecar(tmp_path / "a.txt", "make", {}, {})
    (tmp_path / "a.txt").write_text("abc")
    with pytest.raises(IntegrityError, match=r"a\.txt is changed: it has 3 bytes"):
        verify(tmp_path / "a.txt")


def test_job_removes_what_a_killed_one_left_of_its_own_outputs_alone(tmp_path):
    """A killed writer cannot clean up; a job that runs beside this one may be writing."""
    stale = [tmp_path / ".tmp-ab12cd_9-out.txt", tmp_path / ".tmp-ab12cd_9-out.txt.meta.json"]
    other = tmp_path / ".tmp-ab12cd_9-b-out.txt"
    for path in [*stale, other]:
        path.write_text("half")
    run_job(copy_main, call(tmp_path))
    assert not any(path.exists() for path in stale)
    assert other.exists()


def test_a_file_of_the_users_that_has_a_records_name_is_left_alone(tmp_path):
    """docs.jsonl.meta.json beside a source is the user's own: no record, and not read as one."""
    for text in ('{"made": "by me"}', "[1, 2]", '{"sha256": "x"}', "not json"):
        call_ = call(tmp_path)
        (tmp_path / "in.txt.meta.json").write_text(text)
        run_job(copy_main, call_)
        record = json.loads(sidecar_path(tmp_path / "out.txt").read_text())
        assert record["inputs"]["source"] == file_digest(tmp_path / "in.txt")
        assert (tmp_path / "in.txt.meta.json").read_text() == text


def test_what_has_to_be_there_first_and_where_are_no_part_of_the_record(tmp_path):
    snakemake = call(tmp_path, data="here", state="there")
    snakemake.input.checked = str(tmp_path / "in.txt")
    run_job(copy_main, snakemake)
    record = json.loads(sidecar_path(tmp_path / "out.txt").read_text())
    assert list(record["inputs"]) == ["source"]
    assert set(record["params"]) == {"version", "seed"}
