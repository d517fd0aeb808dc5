"""Several tasks train the model of one task; the start, the end and the faults of a team."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.support import Named, rule_call, shard_frame
from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.tables import write_table
from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer
from workflow_scripts.model.training import process_group as team_module
from workflow_scripts.model.training.launch import launch, local_places
from workflow_scripts.model.training.process_group import Team, TeamError, address
from workflow_scripts.model.training.train_model import main
from workflow_scripts.model.training.train_task import Request
from workflow_scripts.model.training.training import (
    ArchitectureSettings,
    _batch_loss,
    _shared_loss,
    build_model,
)

SHAPE = {"hidden_size": 16, "layers": 1, "heads": 2, "intermediate_size": 24, "max_positions": 48}
SETTINGS = SHAPE | {"passes": 2, "batch_size": 5, "learning_rate": 4e-3, "weight_decay": 0.1}


class Deaf(Team):
    """A task whose sums are its own: what it would send is left in place to be read."""

    def add_up(self, tensors):
        pass


@pytest.mark.parametrize("size", [2, 3, 7])
def test_the_parts_of_a_batch_add_up_to_its_loss_and_gradient(size):
    """With seven tasks for five documents, two have nothing to do.

    In double precision: in single, the order of the sums moved one gradient of 1,616 by 3e-7 on
    another processor, and a tolerance that wide could hide a lost document.
    """
    model = build_model(ArchitectureSettings(**SHAPE), 101, seed=1).double()
    batch = [ids.to_numpy() for ids in shard_frame(5)["input_ids"]]
    loss = _batch_loss(model, batch)
    whole = torch.autograd.grad(loss, list(model.parameters()))
    total, parts = 0.0, [torch.zeros_like(weight) for weight in model.parameters()]
    for rank in range(size):
        model.zero_grad(set_to_none=True)
        total += _shared_loss(model, batch, Deaf(rank, size)).item()
        for part, weight in zip(parts, model.parameters(), strict=True):
            part += weight.grad
    assert total == pytest.approx(loss.item(), rel=1e-12)
    for part, gradient in zip(parts, whole, strict=True):
        torch.testing.assert_close(part, gradient, rtol=1e-9, atol=1e-12)


def test_an_address_is_the_resolvers_or_slurms(tmp_path, monkeypatch):
    """Node names that do not resolve made the first task wait for the job's whole time limit."""
    assert address("127.0.0.1") == "127.0.0.1"

    def unknown(host):
        raise socket.gaierror(host)

    monkeypatch.setattr(socket, "gethostbyname", unknown)
    shim = tmp_path / "scontrol"
    shim.write_text("#!/bin/sh\necho NodeName=$3 Arch=x NodeAddr=10.1.2.3 NodeHostName=h\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert address("node1") == "10.1.2.3"
    shim.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(TeamError, match="node 'node1' of task 0 has no address"):
        address("node1")


def test_every_local_task_has_its_place_and_shares_the_rest():
    places = local_places(3)
    assert [place["SUBMITIT_LOCAL_GLOBALID"] for place in places] == ["0", "1", "2"]
    assert len({place["MASTER_PORT"] for place in places}) == 1
    assert len({place["SUBMITIT_LOCAL_JOB_ID"] for place in places}) == 1
    assert team_module.PATIENCE.total_seconds() > 0


def test_more_tasks_than_documents_in_a_batch_are_refused_by_name():
    config = {"study": "x", "benchmarks": ["b"], "model": {"train": {"tasks": 9}}}
    with pytest.raises(ConfigError, match=r"'model.train.tasks' is 9, above .*batch_size \(8\)"):
        complete(config)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two tokenised shards and a tokenizer."""
    folder = tmp_path_factory.mktemp("corpus")
    frame = shard_frame(40)
    for number, part in enumerate((frame[:25], frame[25:])):
        write_table(part, folder / f"s{number:04d}.parquet", "corpus/shards")
    fit_tokenizer(["some words to fit on"], 270).save_pretrained(folder / "tokenizer")
    return folder


def training(corpus, folder, tasks, **settings):
    """The namespace of the rule train_model."""
    shards = [str(corpus / f"s{number:04d}.parquet") for number in (0, 1)]
    names = {"config": "config.json", "weights": "model.safetensors", "record": "model.json"}
    names["history"] = "history.json"
    call = rule_call(
        "train_model",
        input={"shards": shards, "tokenizer": str(corpus / "tokenizer/tokenizer.json")},
        output={name: folder / file for name, file in names.items()},
        params={
            "settings": SETTINGS | settings | {"tasks": tasks},
            "seed": 1,
            "state": str(folder / "state"),
            "device": "cpu",
        },
    )
    call.threads, call.resources = tasks, Named(nodes=1)
    return call


def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_two_tasks_train_the_model_of_one_to_rounding_and_again_to_the_same_bytes(corpus, tmp_path):
    for name, tasks in (("one", 1), ("two", 2), ("again", 2)):
        main(training(corpus, tmp_path / name, tasks))
        assert not (tmp_path / name / "state").exists()
        assert {path.name for path in (tmp_path / name).iterdir()} == {
            *("config.json", "history.json", "model.json", "model.safetensors")
        }
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    start = build_model(ArchitectureSettings(**SHAPE), len(one["model.embed_tokens.weight"]), 1)
    for name, first in start.state_dict().items():
        moved = (one[name] - first).abs().max()
        assert (one[name] - two[name]).abs().max() <= 1e-4 * moved
    losses = [[e["loss"] for e in read_json(tmp_path / n / "history.json")] for n in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert not all(torch.equal(one[name], two[name]) for name in one)
    files = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("two", "again")]
    assert files[0] == files[1]


@pytest.mark.slow
def test_two_tasks_killed_and_started_again_end_with_the_same_bytes(corpus, tmp_path):
    """All tasks die with the process that started them, so that no two write one state."""
    long = {"passes": 80}
    main(training(corpus, tmp_path / "whole", 2, **long))
    program = (
        "import sys; sys.path.insert(0, '.'); from pathlib import Path;"
        "from tests.model.training.test_process_group import main, training;"
        f"main(training(Path({str(corpus)!r}), Path({str(tmp_path / 'cut')!r}), 2, passes=80))"
    )
    state = tmp_path / "cut/state/training.pt"
    parent = subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": ":".join(sys.path)}
    )
    until = time.monotonic() + 120
    while not state.exists() and time.monotonic() < until:
        time.sleep(0.01)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(parent.pid)], capture_output=True, text=True
    ).stdout.split()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert len(children) == 2
    time.sleep(0.5)
    assert not any(_alive(int(pid)) for pid in children)
    assert not (tmp_path / "cut/model.safetensors").exists()
    main(training(corpus, tmp_path / "cut", 2, **long))
    both = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert both[0] == both[1]
    histories = [read_json(tmp_path / name / "history.json") for name in ("whole", "cut")]
    assert histories[0] == histories[1]


def _alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.slow
def test_a_task_that_fails_ends_the_others_and_says_why(corpus, tmp_path, caplog):
    request = Request(
        [str(tmp_path / "absent.parquet")],
        str(corpus / "tokenizer"),
        SETTINGS,
        1,
        str(tmp_path / "state"),
        "cpu",
        1,
    )
    started = time.monotonic()
    with caplog.at_level("INFO", logger="atlas"), pytest.raises(TeamError, match="of 2 processes"):
        launch("workflow_scripts.model.training.train_task", [str(request.write())], 2, 1, 1)
    assert time.monotonic() - started < 60
    assert "absent.parquet" in caplog.text
