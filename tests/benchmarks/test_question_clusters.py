"""Clusters of questions."""

from workflow_scripts.benchmarks.question_clusters import question_clusters


def test_six_tasks_are_draws_of_tasks():
    tasks = [name for name in "abcdef" for _ in range(2)]
    assert question_clusters(tasks).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert question_clusters(tasks, ["same"] * 12).tolist() == question_clusters(tasks).tolist()


def test_questions_of_few_tasks_stand_alone():
    assert question_clusters(["a", "a", "b", "b"]).tolist() == [0, 1, 2, 3]


def test_questions_of_one_passage_come_together_within_their_task():
    tasks, passages = ["a", "a", "a", "b", "b"], ["x", None, "x", "x", None]
    assert question_clusters(tasks, passages).tolist() == [0, 1, 0, 2, 3]
