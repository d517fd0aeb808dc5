"""The small study on two Slurm nodes gives the bytes that it gives on this machine."""

import pytest
import yaml

from tests.slurm.runs import Cluster, artifacts
from tests.slurm.test_profile import PROFILE, with_gpu

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(lab, tmp_path_factory):
    """The study, run with ``--profile slurm`` and its GPU lines uncommented, on two nodes.

    It computes on the CPU, so that its rules do not ask for a GPU; here the profile asks for them.
    """
    cluster = Cluster(lab, tmp_path_factory.mktemp("cluster") / "atlas")
    first = "fit_preconditioner: &gpu\n"
    profile = with_gpu(PROFILE.read_text()).replace(first, f"{first}    gpu: 1\n")
    assert "gpu: 1\n" in profile
    cluster.folder.joinpath("profiles/slurm/config.yaml").write_text(profile)
    code, text = cluster.run(timeout=1800)
    assert code == 0, text[-5000:]
    return cluster


def test_every_artifact_is_byte_for_byte_the_local_one(cluster, expected):
    """Tables, rows, sketches, weights, adapters, figures, records; not logs and timings."""
    found = artifacts(cluster)
    kinds = {name.rsplit(".", 1)[1] for name in found}
    assert {"parquet", "npy", "npz", "safetensors", "json", "png", "svg"} <= kinds
    assert set(found) == set(expected)
    assert {name for name in found if found[name] != expected[name]} == set()


def test_both_nodes_worked_and_the_document_pass_asked_for_gpus(cluster):
    jobs = cluster.sent()
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    assert {job["node"] for job in jobs} == {"node1", "node2"}
    shards = [job for job in jobs if job["comment"].startswith("rule_attribute_documents")]
    # A job each; on which node is Slurm's choice, and one node may take both.
    assert len(shards) == 2
    assert {job["gpus"] for job in shards} == {"gres:gpu:1"}
    assert {job["gpus"] for job in jobs if "gather_bins" in job["comment"]} == {"N/A"}


def test_jobs_carry_the_prefix_of_the_profile_and_small_ones_share_a_job(cluster):
    jobs = cluster.sent()
    assert {job["name"].split("_")[0] for job in jobs} == {"atlas"}
    tables = [job for job in jobs if "gather_bins" in job["comment"]]
    assert len(tables) == 1
    # The comment names the first rules of a group alone; none of them has a job of its own.
    grouped = yaml.safe_load(PROFILE.read_text())["groups"]
    own = {job["comment"].removeprefix("rule_") for job in jobs}
    assert not own & set(grouped)
    assert len(jobs) < 30  # of 31 jobs in the plan


def test_second_run_has_nothing_to_do(cluster):
    code, text = cluster.run("--dry-run")
    assert code == 0
    assert "Nothing to be done" in text
