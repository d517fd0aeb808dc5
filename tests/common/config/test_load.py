"""The configuration: the default is valid, and each bad value fails in one line by name."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from workflow_scripts.common.config.load import complete, known_keys, load_schema
from workflow_scripts.common.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def changed(**paths):
    """The default config with dotted keys (``__`` for dots) set."""
    config = copy.deepcopy(DEFAULT)
    for path, value in paths.items():
        *parents, last = path.split("__")
        section = config
        for name in parents:
            section = section.setdefault(name, {})
        section[last] = value
    return config


@pytest.mark.parametrize(
    ("tokens", "positions"), [(208, 256), (256, 256), (512, 512)], ids=["short", "equal", "long"]
)
def test_a_trained_model_has_positions_for_its_documents(tokens, positions):
    """The configuration in README sets corpus.max_tokens alone and was refused."""
    full = complete(changed(corpus__max_tokens=tokens, attribution__tokens_per_batch=4096))
    assert full["model"]["train"]["max_positions"] == positions


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ({"unlearning__doses": [0.5, float("nan")]}, ["'unlearning.doses.1' is nan"]),
        ({"unlearning__doses": [float("inf")]}, ["'unlearning.doses.0' is inf"]),
        ({"unlearning__learning_rate": float("nan")}, ["'unlearning.learning_rate' is nan"]),
        ({"model__train__learning_rate": "inf"}, ["'model.train.learning_rate' is inf"]),
        ({"hardware__gpu_memory_gb": float("nan")}, ["'hardware.gpu_memory_gb' is nan"]),
        ({"corpus__shards": float("inf")}, ["'corpus.shards' is inf"]),
        ({"seeds__model": 2**32}, ["'seeds.model' is 4294967296", "at most 4294967295"]),
        ({"seeds__unlearning": [2**32]}, ["'seeds.unlearning.0'", "at most 4294967295"]),
        (
            {"model__train__learning_rate": "1e-3"},
            ["'model.train.learning_rate' is '1e-3'", "write 0.001 or 1.0e-3"],
        ),
    ],
)
def test_a_number_that_no_one_can_compute_with_is_refused_by_its_key(paths, words):
    with pytest.raises(ConfigError) as caught:
        complete(changed(**paths))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_default_config_is_valid_and_completed():
    full = complete(DEFAULT)
    assert full["corpus"]["folds"] == 16
    assert full["attribution"]["rows"] == "keep"
    assert "folds" not in DEFAULT["corpus"]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ({"studdy": "x"}, ["unknown config key 'studdy'", "'x'", "did you mean 'study'?"]),
        ({"corpus__shard": 2}, ["'corpus.shard'", "(value 2)", "did you mean 'shards'?"]),
        ({"shards": 2}, ["'shards'", "did you mean 'corpus.shards'?"]),
        ({"study": "My Study"}, ["'study' is 'My Study'", "matching"]),
        ({"corpus__source": "plantd"}, ["'plantd'", "'planted'", "did you mean 'planted'?"]),
        ({"corpus__shards": 0}, ["'corpus.shards' is 0", "at least 1"]),
        ({"corpus__shards": "1.5"}, ["'corpus.shards' is 1.5", "integer"]),
        ({"corpus__shards": "two"}, ["'corpus.shards' is 'two'", "integer"]),
        ({"corpus": None}, ["'corpus' is None", "object"]),
        ({"corpus__shards": "[1"}, ["'corpus.shards' is '[1'", "integer"]),
        ({"corpus__shards": [2]}, ["'corpus.shards' is [2]", "integer"]),
        ({"corpus": {7: 1}}, ["unknown config key 'corpus.7'", "allowed here: source"]),
        ({"seeds": "x"}, ["'seeds' is 'x'", "object"]),
        ({"seeds__model": -1}, ["'seeds.model' is -1", "at least 0"]),
        ({"seeds__model": [42, 42]}, ["'seeds.model' is [42, 42]", "without repeats"]),
        ({"seeds__model": []}, ["'seeds.model' is []", "at least 1 items"]),
        (
            {"model__siblings": [{"path": "x"}]},
            ["'model.siblings' names 'x'", "model.source is 'train'", "'seeds.model'"],
        ),
        (
            {
                "model__source": "pretrained",
                "model__pretrained": {"path": "x"},
                "seeds__model": [1, 2],
            },
            ["'seeds.model' lists 2 seeds", "'pretrained'", "'model.siblings'"],
        ),
        (
            {
                "model__source": "pretrained",
                "model__pretrained": {"path": "x"},
                "model__siblings": [{"path": "y"}, {"path": "x"}],
            },
            ["'model.siblings' names 'x' twice", "another training"],
        ),
        (
            {"seeds__model": [1, 2], "model__query": {"path": "x"}},
            ["'model.query.path'", "several trainings"],
        ),
        (
            {
                "model__source": "pretrained",
                "model__pretrained": {"path": "x"},
                "model__siblings": [{"revision": "y"}],
            },
            ["'model.siblings.0.path' is missing"],
        ),
        ({"attribution__projections": 0}, ["'attribution.projections' is 0", "at least 1"]),
        ({"benchmarks": []}, ["'benchmarks' is []", "at least 1 items"]),
        ({"benchmarks": ["a", "a"]}, ["'benchmarks'", "without repeats"]),
        ({"attribution__damping": 0}, ["'attribution.damping' is 0", "more than 0"]),
        ({"influence__confidence": 1.0}, ["'influence.confidence' is 1.0", "less than 1"]),
        ({"attribution__row_dtype": "int8"}, ["'int8'", "'float32', 'float16'"]),
        ({"corpus__source": "files"}, ["'corpus.files.documents' is empty"]),
        ({"model__source": "pretrained"}, ["'model.pretrained.path' is empty"]),
        (
            {"corpus__max_tokens": 9999, "model__train__max_positions": 256},
            ["'model.train.max_positions'", "below corpus.max_tokens"],
        ),
        ({"attribution__tokens_per_batch": 64}, ["'attribution.tokens_per_batch' is 64"]),
        ({"corpus__parts": 5}, ["'corpus.parts' is 5", "1 to 4"]),
        ({"validation__scorers": ["bm52"]}, ["'bm52'", "'tfidf', 'bm25'", "'bm25'?"]),
        ({"validation__leakage_ngram": 3}, ["'validation.leakage_ngram' is 3", "4 or more"]),
        ({"validation__projection_seed": 42}, ["'validation.projection_seed'", "another one"]),
        (
            {"validation__embedding": {"path": "x"}, "validation__scorers": ["tfidf"]},
            ["'validation.embedding.path'", "lacks 'embedding'"],
        ),
        ({"seeds__retraining": []}, ["'seeds.retraining' is []", "at least 1 items"]),
        ({"validation__retraining": {"subsets": 3}}, ["'validation.retraining.subsets' is 3"]),
        ({"validation__retraining": {"subsets": 62}}, ["is 62", "multiple of", "subsets_per_job"]),
    ],
)
def test_bad_value_is_one_line_that_names_key_value_and_what_is_allowed(paths, words):
    with pytest.raises(ConfigError) as caught:
        complete(changed(**paths))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_numbers_inside_a_section_given_on_the_command_line_are_numbers():
    """Snakemake reads --config 'corpus={shards: 4}' as text: corpus.shards is '4'."""
    full = complete(changed(corpus__shards="4", validation__untrained="false"))
    assert full["corpus"]["shards"] == 4
    assert full["validation"]["untrained"] is False


def test_missing_required_key_is_named():
    config = changed()
    del config["study"]
    with pytest.raises(ConfigError, match="config key 'study' is missing; Name of the study"):
        complete(config)


def test_every_key_of_the_schema_has_a_description_and_sections_are_closed():
    def walk(schema, path):
        for name, spec in schema.get("properties", {}).items():
            assert spec.get("description"), f"{path}{name} has no description"
            walk(spec, f"{path}{name}.")
        if "properties" in schema:
            assert schema["additionalProperties"] is False, path

    walk(load_schema(), "")
    assert "corpus.planted.doses" in set(known_keys(load_schema()))


def snakemake(*words):
    command = [sys.executable, "-m", "snakemake", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_bad_config_stops_snakemake_with_one_line_before_anything_is_parsed():
    done = snakemake("-n", "--config", "studdy=x")
    assert done.returncode != 0
    own = ("Config file", "Using workflow")
    lines = [line for line in done.stderr.splitlines() if not line.startswith(own)]
    assert len(lines) == 1
    assert lines[0].startswith("config error: unknown config key 'studdy'")


def test_config_check_imports_nothing_heavy():
    code = (
        "import sys; import workflow_scripts.common.config.load; "
        "print([m for m in ('torch', 'polars', 'numpy', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ["workflow_scripts.unlearning.effects.power", "--configfile", "nope.yaml"],
        ["workflow_scripts.preflight.show_plan", "--configfile", "nope.yaml"],
        ["workflow_scripts.run.status", "--configfile", "nope.yaml"],
        ["workflow_scripts.corpus.sources.list_hub", "--configfile", "nope.yaml"],
        ["workflow_scripts.run.headline", "results/none"],
        ["workflow_scripts.validation.retraining.show_lds", "results/none"],
        ["workflow_scripts.validation.retraining.show_lds"],
    ],
    ids=" ".join,
)
def test_a_command_without_its_input_ends_with_one_line(words):
    """make power, plan, status, demo and lds call these; some ended with a traceback."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "nope.yaml" in done.stderr or "results" in done.stderr


@pytest.mark.parametrize(("first", "second"), [(42, 43), (43, 44), (2**32 - 1, 0)])
def test_the_second_projection_is_never_the_first_by_default(first, second):
    """A study with seeds.projection 43 was refused: 43 was the default of the second one."""
    settings = {"study": "t", "benchmarks": ["b"], "seeds": {"projection": first}}
    assert complete(settings)["validation"]["projection_seed"] == second
    again = complete(complete(settings) | {"study": "u"})
    assert again["validation"]["projection_seed"] == second
    with pytest.raises(ConfigError, match="must be another one: leave it out"):
        complete(settings | {"validation": {"projection_seed": first}})
