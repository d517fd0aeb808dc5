"""Every command of the README and the documentation is run, planned, or run by a test named here.

Quick ones run as written. Of every command of Snakemake, also behind a make target, the plan is
made. Long ones have a test that runs them in the form shown, with the variables that it sets; of
some a plan is enough in one form, because a test runs another. A command that nothing here knows
fails by name.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.common.documented import (
    ROOT,
    Command,
    Wrong,
    all_commands,
    check,
    commands_of,
    commands_of_help,
    dry_words,
    form_of,
    make,
    recipes,
)
from tests.preflight.stub_files import write_stubs
from tests.workflow.clone import Clone
from tests.workflow.test_own_model import readme_blocks
from workflow_scripts.common.config.load import load_study

COMMANDS = all_commands()
# Make targets that end within seconds and leave nothing: run as written.
QUICK = ("help", "plan", "status", "power", "docs")
SMALL = "tests/workflow/test_small_study.py"
MATRIX = "tests/workflow/test_matrix_study.py"
CHECK = "tests/benchmarks/sheet/test_check_benchmark.py"
# Tests that run the others to their end in this form: a file, and a text that it contains.
RUN_BY = {
    "make demo": ("tests/workflow/test_demo_study.py", 'clone.make("demo"'),
    "make report": ("tests/workflow/test_demo_study.py", 'study.make("report")'),
    "make report STUDY": (MATRIX, 'clone.make("report", "STUDY='),
    "make report CONFIG": (SMALL, 'clone.make("report", MADE)'),
    "make matrix FILE": (MATRIX, 'clone.make("matrix", f"FILE={published}")'),
    "make matrix FILE STUDY": (MATRIX, 'clone.make("matrix", f"FILE={matrix}", "STUDY='),
    "make lds CONFIG": ("tests/workflow/test_retraining.py", 'clone.make("lds", MADE)'),
    "make check-benchmark": ("Makefile", "name the benchmark: make check-benchmark NAME=x"),
    "make check-benchmark NAME": (CHECK, '"check-benchmark"'),
    "make check-benchmark NAME CONFIG": (CHECK, '"check-benchmark"'),
    "make simulate": ("tests/simulation/test_worlds.py", "workflow_scripts.simulation.simulate"),
    "make hard-seeds": ("tests/simulation/test_hard_seeds.py", "hard_seeds"),
    "make hard-seeds SEEDS": ("tests/simulation/test_hard_seeds.py", "hard_seeds"),
    "make publish CONFIG": (SMALL, 'clone.make("publish", MADE)'),
    "make validate CONFIG": (SMALL, '"validate", MADE'),
    "make bench STUDY": (SMALL, 'recipes(["bench", "STUDY=small"]'),
    "make bench-gpu STUDY": (SMALL, 'recipes(["bench-gpu", "STUDY=small"]'),
    "make setup": (".ci/run", "make test"),
    "make lint": (".ci/run", "make test"),
    "make format": ("Makefile", "format:"),
    "make test": (".ci/run", "make test"),
    "make test-all": (".ci/run", "test-all"),
    "make graph": ("tests/tools/test_rule_graph.py", "make graph"),
    "make clean": ("Makefile", "rm -rf results/planted"),
    "python -m workflow_scripts.tools.bench.measure_pass": (
        "tests/tools/bench/test_measure_pass.py",
        "attribution.measure_pass",
    ),
    "python -m workflow_scripts.tools.bench_gpu": (
        "tests/tools/test_bench_gpu.py",
        "tools.bench_gpu",
    ),
    "python -m workflow_scripts.tools.bench.measure_step": (
        "tests/workflow/test_small_study.py",
        "unlearning.measure_step",
    ),
    "python -m workflow_scripts.corpus.sources.list_hub": (
        "tests/corpus/sources/test_hub.py",
        "list_hub",
    ),
    "python -m workflow_scripts.tools.bench.measure_sampling": (
        "tests/corpus/sampling/test_external_sort.py",
        "measure_sampling.measure(",
    ),
    "python -m workflow_scripts.tools.submit_shards": (
        "tests/tools/test_submit_shards.py",
        "workflow_scripts.tools.submit_shards",
    ),
    "python -m workflow_scripts.simulation.simulate": (
        "tests/simulation/test_worlds.py",
        "workflow_scripts.simulation.simulate",
    ),
    "python -m workflow_scripts.simulation.hard_seeds": (
        "tests/simulation/test_hard_seeds.py",
        "hard_seeds",
    ),
}
# Long ones that are planned in this form; a test runs them in another.
PLANNED = {
    "make lds": "make lds CONFIG",
    "make publish": "make publish CONFIG",
    "make validate": "make validate CONFIG",
    "make bench": "make bench STUDY",
    "make bench-gpu": "make bench-gpu STUDY",
    "make matrix": "make matrix FILE",
}
FULL, PILOT = "configs/olmo3-7b.yaml", "configs/olmo3-7b-pilot.yaml"


def prepare(clone):
    """Files that the pages' commands speak of: own configs, a corpus and a matrix, all tiny."""
    folder = clone.folder
    blocks = readme_blocks()
    data = folder / "path" / "to" / "folder"
    data.mkdir(parents=True)
    for name in ("pages-0.jsonl.zst", "kitchen.jsonl"):
        (data / name).write_text("not read by a plan\n")
    (folder / "configs" / "mine.yaml").write_text(yaml.safe_dump(blocks["study"]))
    (folder / "benchmarks" / "kitchen_safety.yaml").write_text(yaml.safe_dump(blocks["title"]))
    small = (ROOT / "tests" / "config" / "small.yaml").read_text()
    (folder / "configs" / "x.yaml").write_text(small)
    local = load_study(ROOT / "configs" / "local-text.yaml")
    for config, place in ((load_study(ROOT / FULL), folder / "data"), (local, data)):
        write_stubs(place, config)
    matrix = "topic,format,socialiqa,arc_challenge\nhealth,faq,1,2\ngames,faq,2,1\n"
    for path in (folder / "matrix.csv", folder / "path" / "to" / "matrix.csv"):
        path.write_text(matrix)
    name = ["-m", "workflow_scripts.influence.matrix.matrix_study", "matrix.csv"]
    subprocess.run([sys.executable, *name], cwd=folder, check=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    made = Clone(tmp_path_factory.mktemp("documented") / "atlas")
    prepare(made)
    return made


def plans(folder):
    """Every Snakemake command of the pages and of the recipes they call, as dry-runs, each once."""
    found = []
    for command in COMMANDS:
        words = command.words
        calls = recipes(words[1:], folder) if words[0] == "make" else [words]
        found += [dry_words(call) for call in calls if call[0] == "snakemake"]
    return list(dict.fromkeys(found))


def dry_run(words, folder):
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{(done.stdout + done.stderr)[-2000:]}"


def test_the_pages_show_commands():
    assert {"README.md", "docs/cluster.md", "docs/planning.md"} <= {each.page for each in COMMANDS}
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_exists_with_its_targets_options_and_files(command, clone):
    try:
        check(command.words, clone.folder)
    except Wrong as error:
        pytest.fail(f"{command}\n    {error}", pytrace=False)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_is_run_planned_or_run_by_a_test(command, clone):
    for key in run_elsewhere(command.words):
        run = PLANNED.get(key, key)
        assert run in RUN_BY, f"{command}\n    no test is named that runs {run!r}"
        path, text = RUN_BY[run]
        assert text in (ROOT / path).read_text(), f"{path} no longer runs {run!r}"


def run_elsewhere(words):
    """Command that a test must run to its end: a module, or a long make target with variables."""
    if words[0] == "python":
        return [" ".join(words[:3])]
    targets = [word for word in words[1:] if "=" not in word]
    return [form_of(words)] if words[0] == "make" and set(targets) - set(QUICK) else []


def test_every_target_of_the_help_is_shown_without_and_with_its_variables():
    text = """a: b ## do it (CONFIG=configs/x.yaml)
report: ## write (STUDY=x or CONFIG=f)
matrix: c ## tables (FILE=m.csv STUDY=x)
_hidden: ## no
"""
    assert [each.text for each in commands_of_help(text)] == [
        "make a",
        "make a CONFIG=configs/x.yaml",
        "make report",
        "make report STUDY=x",
        "make report CONFIG=f",
        "make matrix FILE=m.csv",
        "make matrix FILE=m.csv STUDY=x",
    ]
    assert {"make validate CONFIG=configs/x.yaml", "make bench"} <= {each.text for each in COMMANDS}


@pytest.mark.parametrize("target", ["validate", "publish", "lds"])
def test_a_config_does_not_swallow_the_target(target, clone):
    """It was read as one config file more: --configfile configs/x.yaml validate."""
    from snakemake.cli import parse_args

    (call, *_) = recipes([target, "CONFIG=configs/x.yaml"], clone.folder)
    options = parse_args(call[1:])[1]
    assert options.targets == {target} or list(options.targets) == [target]
    assert [Path(each).name for each in options.configfile] == ["x.yaml"]


@pytest.mark.parametrize("name", ["my study.yaml", "it's.yaml", "[x] (1).yaml", "a$$b.yaml"])
def test_a_config_may_have_a_name_that_a_shell_would_cut_up(name, clone):
    written = name.replace("$$", "$")
    for target in ("plan", "publish", "report", "status"):
        calls = recipes([target, f"CONFIG=configs/{name}"], clone.folder)
        assert f"configs/{written}" in calls[0] or f"configs/{name}" in calls[0], calls


def test_quick_targets_run_as_written(clone):
    for words in dict.fromkeys(tuple(each.words) for each in COMMANDS):
        if words[0] == "make" and {word for word in words[1:] if "=" not in word} <= set(QUICK):
            done = make(*words[1:], folder=clone.folder)
            assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
            assert done.stdout.strip() or words[1] == "docs"


def test_plans_of_the_default_study_of_ones_own_and_for_a_cluster_are_made(clone):
    options = ("--configfile configs/mine.yaml", "--profile slurm", "")
    wanted = {dry_words(["snakemake", *each.split()]) for each in options}
    assert wanted <= set(plans(clone.folder))
    for words in sorted(wanted):
        dry_run(words, clone.folder)


@pytest.mark.slow
def test_every_plan_is_made(clone):
    for words in plans(clone.folder):
        if "pilot" in " ".join(words):
            write_stubs(clone.folder / "data", load_study(ROOT / PILOT))
        dry_run(words, clone.folder)


PAGE = """Text with `make demo` and `code`, `snakemake lds`.

```sh
# A comment alone.
make plan CONFIG=configs/x.yaml   # what it costs
python -m workflow_scripts.unlearning.effects.power \\
    --configfile configs/x.yaml
```

```text
$ snakemake -n
total 3
```

```yaml
make: never
```
"""


def test_commands_are_found_in_shell_blocks_after_prompts_and_in_the_text():
    assert [each.text for each in commands_of("a.md", PAGE)] == [
        "make demo",
        "snakemake lds",
        "make plan CONFIG=configs/x.yaml",
        "python -m workflow_scripts.unlearning.effects.power --configfile configs/x.yaml",
        "snakemake -n",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("make demmo", "no target demmo"),
        ("make plan CONFG=configs/x.yaml", "no variable CONFG"),
        ("make plan CONFIG=configs/none.yaml", "no configs/none.yaml"),
        ("snakemake --dry-rum", "does not take it"),
        ("snakemake publich", "no rule publich"),
        ("snakemake -n --configfile configs/none.yaml", "no config file configs/none.yaml"),
        ("snakemake --profile slrum -n", "does not take it"),
        ("python -m workflow_scripts.run.stats", "no module workflow_scripts.run.stats"),
        ("python -m workflow_scripts.unlearning.effects.power --confg x", "no option --confg"),
        ("pip install atlas", "no rule of this test knows it"),
    ],
)
def test_a_command_that_does_not_exist_is_refused(clone, text, words):
    with pytest.raises(Wrong, match=words):
        check(Command("a.md", text).words, clone.folder)
