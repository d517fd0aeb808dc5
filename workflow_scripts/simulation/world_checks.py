"""Rates of the checks: dose response by question, and the areas that judge a map by its truth."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata

from workflow_scripts.common.random_streams import stream
from workflow_scripts.simulation.tables import SEED, Size, standard_error
from workflow_scripts.simulation.worlds import DOSES
from workflow_scripts.unlearning.dose_response.dose_response import (
    Response,
    adapter_row,
    pooled_row,
    respond,
)
from workflow_scripts.validation.baselines.area_intervals import area_interval, precision_interval
from workflow_scripts.validation.baselines.planted_truth import average_precision

CONFIDENCE = 0.95
# Maps behind each true area, for each map that is judged.
TRUTH_MAPS = 5
# Questions, tasks (0: questions are independent), correlation of the ranks, law.
ADAPTERS = (
    (40, 0, 0.0, "normal"),
    (40, 0, 0.6, "normal"),
    (120, 0, 0.0, "heavy"),
    (120, 0, 0.6, "normal"),
    (120, 0, 0.85, "heavy"),
    (240, 12, 0.0, "normal"),
    (240, 12, 0.6, "normal"),
    (240, 6, 0.0, "normal"),
)
# Topics, seeds, questions, correlation, its deviation between topics on Fisher's scale.
STUDIES = (
    (4, 2, 120, 0.0, 0.0),
    (4, 2, 120, 0.5, 0.2),
    (24, 3, 120, 0.5, 0.2),
    (2, 1, 40, 0.3, 0.1),
)


# Distance of support bins in deviations of a bin, correlation of a topic's bins, whether a bin's
# distance goes with its dose.
MAPS = (
    (0.0, 0.2, False),
    (1.2, 0.0, False),
    (2.5, 0.2, False),
    (2.5, 0.5, True),
    (4.0, 0.0, False),
    (4.0, 0.2, True),
    (6.0, 0.2, True),
)


def rates(size: Size) -> list[dict]:
    """Rows of the table of worlds: how often the intervals hold the truth."""
    return [*dose_response_rates(size), *area_rates(size)]


def row_of(world: str, statistic: str, setting: str, units: str, values: np.ndarray) -> dict:
    """A row of the table of worlds from (n,) 0 or 1 of each map."""
    return {
        "world": world,
        "statistic": statistic,
        "setting": setting,
        "maps": len(values),
        "rate": float(np.mean(values)),
        "rate_se": standard_error(np.asarray(values, dtype=float)),
        "nominal": CONFIDENCE,
        "units": units,
    }


def dose_response_rates(size: Size) -> Iterator[dict]:
    """Coverage of the correlation of one adapter, and of its mean over topics."""
    units = "intervals that hold the correlation"
    for questions, tasks, r, law in ADAPTERS:
        rng = stream(SEED, "dose response", questions, tasks, r, law)
        held = []
        for _ in range(size.coverage_maps):
            answer = adapter(rng, questions, tasks, r, law)
            row = adapter_row(answer, CONFIDENCE)
            held.append(row["ci_low"] <= spearman_of(r) <= row["ci_high"])
        setting = f"{questions} questions, {tasks or 'no'} tasks, Pearson {r:g}, {law}"
        yield row_of("questions", "spearman of one adapter", setting, units, np.array(held))
    for topics, seeds, questions, r, spread in STUDIES:
        rng = stream(SEED, "dose response of topics", topics, seeds, questions, r, spread)
        held = []
        for _ in range(size.coverage_maps):
            truth, answers = study(rng, topics, seeds, questions, r, spread)
            row = pooled_row(answers, CONFIDENCE)
            held.append(row["ci_low"] <= truth <= row["ci_high"])
        setting = (
            f"{topics} topics, {seeds} seeds, {questions} questions, Pearson {r:g} +- {spread:g}"
        )
        yield row_of("questions of all topics", "mean spearman", setting, units, np.array(held))


def spearman_of(pearson: float) -> float:
    """Spearman's correlation of a normal pair."""
    return float(6 / np.pi * np.arcsin(pearson / 2))


def adapter(rng: np.random.Generator, questions: int, tasks: int, r: float, law: str) -> Response:
    """A drawn adapter; half of the variance of both is of tasks where there are any."""
    pair = _pair(rng, questions, r)
    clusters = np.arange(questions)
    if tasks:
        clusters = np.arange(questions) % tasks
        pair = np.sqrt(0.5) * pair + np.sqrt(0.5) * _pair(rng, tasks, r)[:, clusters]
    if law == "heavy":  # ranks are the same, as for any increasing function
        pair = np.exp(2 * pair)
    return respond(pair[0], pair[1], clusters)


def _pair(rng: np.random.Generator, count: int, r: float) -> np.ndarray:
    """(2, count) standard normals of correlation r."""
    first, second = rng.standard_normal((2, count))
    return np.stack([first, r * first + np.sqrt(1 - r**2) * second])


def study(
    rng: np.random.Generator, topics: int, seeds: int, questions: int, r: float, spread: float
) -> tuple[float, list[list[Response]]]:
    """Adapters of several topics on the same questions, and the mean correlation of such topics.

    Half of the variance of what a question loses and of its support is the question's own.
    """
    clusters, own = np.arange(questions), _pair(rng, questions, r)
    answers = []
    for _ in range(topics):
        of_topic = np.clip(np.tanh(np.arctanh(r) + spread * rng.standard_normal()), -0.95, 0.95)
        pair = np.sqrt(0.5) * own + np.sqrt(0.5) * _pair(rng, questions, of_topic)
        answers.append([])
        for _ in range(seeds):
            lost = pair[1] + 0.3 * rng.standard_normal(questions)
            answers[-1].append(respond(pair[0], lost, clusters))
    return _mean_truth(r, spread), answers


def _mean_truth(r: float, spread: float) -> float:
    """Mean over topics, on Fisher's scale, of the correlation of :func:`study`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    of_topic = np.clip(np.tanh(np.arctanh(r) + spread * nodes), -0.95, 0.95)
    pearson = (0.5 * r + 0.5 * of_topic) / np.sqrt(1.09)
    z = np.arctanh(6 / np.pi * np.arcsin(pearson / 2))
    return float(np.tanh(z @ weights / weights.sum()))


def area_rates(size: Size) -> Iterator[dict]:
    """Coverage of the areas of 24 support bins of four topics, and 12 contradiction bins of two."""
    units = "intervals that hold the area"
    measures = {
        "auroc_support": (_auroc, area_interval, False),
        "ap_support": (average_precision, precision_interval, False),
        "auroc_support_vs_contradiction": (_auroc, area_interval, True),
    }
    for distance, alike, dosed in MAPS:
        for name, (area, interval, few) in measures.items():
            rng = stream(SEED, "areas", distance, alike, dosed, name)
            drawn = [
                draw_sides(rng, distance, alike, dosed, few)
                for _ in range(TRUTH_MAPS * size.coverage_maps)
            ]
            truth = np.mean([area(values[up], values[~up]) for values, up, _ in drawn])
            held = []
            for _ in range(size.coverage_maps):
                values, up, topics = draw_sides(rng, distance, alike, dosed, few)
                found = area(values[up], values[~up])
                low, high = interval(found, values, up, topics, CONFIDENCE)
                held.append(low <= truth <= high)
            setting = f"{distance:g} deviations, correlation of a topic's bins {alike:g}"
            setting += f"{', by dose' if dosed else ''}; true value {truth:.3f}"
            yield row_of("topics", name, setting, units, np.array(held))


def _auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    return float((ranks.mean() - (len(positive) + 1) / 2) / len(negative))


def draw_sides(
    rng: np.random.Generator, distance: float, alike: float, dosed: bool, few: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Support bins and the rest of a map of 576 bins, or where ``few`` 12 contradiction bins.

    Returns:
        (n,) influence, (n,) bool support, (n,) topic; the two sides of a topic have effects of
        their own.
    """
    topics = np.repeat(np.arange(24), 24)
    positive = (topics < 4) & (np.arange(576) % 24 < 6)
    effects = np.sqrt(alike) * rng.standard_normal((2, 24))
    values = effects[positive.astype(int), topics]
    values = values + np.sqrt(1 - alike) * rng.standard_normal(576)
    dose = np.resize(DOSES, 24) / np.mean(DOSES) if dosed else np.ones(24)
    values[positive] += distance * dose
    kept = positive | ((topics >= 22) & (np.arange(576) % 24 < 6)) if few else np.full(576, True)
    return values[kept], positive[kept], topics[kept]
