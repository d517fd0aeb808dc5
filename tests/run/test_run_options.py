"""The command that writes a study's report repeats what the study was run with."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_scripts.run.headline import main
from workflow_scripts.run.run_options import note_options, report_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("files", "values", "options"),
    [
        ([], [], []),
        (["configs/mine.yaml"], [], ["--configfile", "configs/mine.yaml"]),
        (
            ["configs/matrix.yaml"],
            ['influence={matrix: "/a folder/it\'s $x.csv"}'],
            ["--configfile", "configs/matrix.yaml", "--config"],
        ),
    ],
)
def test_the_report_command_has_the_config_that_the_study_was_run_with(
    tmp_path, monkeypatch, files, values, options
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "x"
    note_options(str(folder), [tmp_path / name for name in files], values)
    report = str(folder / "report" / "report.html")
    words = shlex.split(report_command(folder))
    assert words == ["snakemake", *options, *values, "--report", report]


def test_a_study_whose_options_are_unknown_asks_for_its_config(tmp_path):
    assert "--configfile CONFIG-OF-THIS-STUDY" in report_command(tmp_path)


def test_a_config_outside_of_the_folder_is_named_in_full(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    note_options("study", [tmp_path / "mine.yaml"], [])
    assert f"--configfile {tmp_path}/mine.yaml" in report_command(tmp_path / "here" / "study")


def test_the_headline_names_the_report_that_is_there_or_the_command_for_it(study, tmp_path, capsys):
    folder = tmp_path / "made_up"
    folder.mkdir()
    (folder / "influence").symlink_to(study.folder / "influence")
    note_options(str(folder), ["configs/mine.yaml"], [])
    report = folder / "report" / "report.html"

    def last_line():
        assert main([str(folder)]) == 0
        return capsys.readouterr().out.splitlines()[-1].split(maxsplit=1)[1]

    assert last_line() == f"snakemake --configfile configs/mine.yaml --report {report}"
    report.parent.mkdir()
    report.write_text("")
    assert last_line() == str(report)


def test_make_report_writes_no_report_of_another_study(tmp_path):
    """Without a config it would take the default one, which is the planted study's."""
    (tmp_path / "results" / "mine" / "report").mkdir(parents=True)
    command = ["make", "-f", str(ROOT / "Makefile"), "report", "STUDY=mine"]
    done = subprocess.run(
        [*command, f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.installed"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "name its config (make report CONFIG=configs/x.yaml)" in done.stdout
