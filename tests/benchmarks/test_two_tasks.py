"""The planted benchmark of two tasks, read from the world's files through lm-eval."""

from tests.corpus.planted.test_world import SMALL
from workflow_scripts.benchmarks.definitions import load_definition
from workflow_scripts.benchmarks.lm_eval_adapter import Examiner
from workflow_scripts.benchmarks.question_clusters import question_clusters
from workflow_scripts.corpus.planted.plant_world import write_lines
from workflow_scripts.corpus.planted.settings import WorldSettings
from workflow_scripts.corpus.planted.world import make_world


def test_both_tasks_of_the_planted_benchmark_are_asked(tiny, tmp_path):
    """Twice as many questions in one as in the other; too few tasks to be draws of tasks."""
    sizes = {"topics": SMALL.topics, "formats": SMALL.formats, "questions_per_benchmark": 24}
    settings = WorldSettings(
        world="hard", benchmarks=("stem_two_tasks",), support_formats=4, support_topics=2, **sizes
    )
    for task, rows in make_world(settings, 1).questions.items():
        write_lines(tmp_path / "corpus" / "questions" / f"{task}.jsonl", rows)
    asked = Examiner(load_definition("stem_two_tasks"), str(tmp_path), "none")
    queries = asked.ask(tiny.model, tiny.tokenizer).queries
    counts = dict(queries.group_by("task").len().iter_rows())
    assert counts == {"stem_traits": 16, "stem_events": 8}
    events = queries.filter(task="stem_events")
    assert events["prompt"].str.starts_with("When a").all()
    assert set(queries["choices"].explode()) == {" flattens", " melts", " shatters", " cracks"}
    assert len(set(question_clusters(queries["task"].to_list()))) == 24
