"""A step of two tasks: one srun step on a cluster, two processes here, the same bytes."""

import pytest

from tests.slurm.runs import CONFIG, Cluster
from tests.workflow.clone import Clone
from workflow_scripts.common.files import file_digest

pytestmark = pytest.mark.slow

TWO = ("--config", "model={train: {tasks: 2, passes: 3}}")
TARGET = ("--", "results/cluster/model/model.json")


def weights(clone):
    return file_digest(clone.folder / "results/cluster/model/model.safetensors")


def test_training_in_two_tasks_on_two_nodes_gives_the_bytes_of_two_processes_here(lab, tmp_path):
    local = Clone(tmp_path / "local")
    code, text = local.run(*CONFIG, *TWO, *TARGET)
    assert code == 0, text[-3000:]
    cluster = Cluster(lab, tmp_path / "cluster")
    nodes = ("--set-resources", "train_model:nodes=2")
    code, text = cluster.run(*TWO, *nodes, *TARGET, timeout=900)
    assert code == 0, text[-3000:]
    job = next(job for job in cluster.sent() if job["comment"].startswith("rule_train_model"))
    assert job["node"] == "node[1-2]"
    assert weights(cluster) == weights(local)
