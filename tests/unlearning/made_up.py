"""Small made-up things to forget: documents that count, topics, effects with known numbers."""

import numpy as np
import polars as pl
import torch

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import polars_schema
from workflow_scripts.model.training.training import (
    ArchitectureSettings,
    TrainSettings,
    build_model,
    train,
)
from workflow_scripts.unlearning.effects.asked import Asked
from workflow_scripts.unlearning.effects.power import Spreads
from workflow_scripts.unlearning.effects.resampled import TestSettings
from workflow_scripts.unlearning.forgetting.forgetting import ForgetSettings, Forgetter
from workflow_scripts.unlearning.forgetting.methods import method_of
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings

VOCABULARY = 32
ARCHITECTURE = ArchitectureSettings(
    hidden_size=16, layers=1, heads=2, intermediate_size=24, max_positions=32
)
LORA = AdapterSettings(rank=4, alpha=8)
TESTS = TestSettings(
    confidence=0.95,
    bootstraps=40,
    seed=1,
    equivalence=0.05,
    spreads=Spreads(topic=0.1, seed=0.05, discordant=0.3),
    power=0.8,
)


def counting(count, step, seed=0):
    """Token ids that count up by ``step`` from a random start, 6 to 15 tokens."""
    rng = stream(seed, "counting", step)
    starts, lengths = rng.integers(0, VOCABULARY, count), rng.integers(6, 16, count)
    return [
        ((s + step * np.arange(n)) % VOCABULARY).astype(np.int32)
        for s, n in zip(starts, lengths, strict=True)
    ]


FORGET, RETAIN = counting(6, 1), counting(16, 3)


def trained_weights():
    """Weights of a model that knows how to count by one and by three."""
    model = build_model(ARCHITECTURE, VOCABULARY, seed=1)
    settings = TrainSettings(passes=20, batch_size=8, learning_rate=1e-2)
    train(model, counting(24, 1) + counting(24, 3), settings, 1)
    return model.state_dict()


def base_model(weights):
    """A fresh model with these weights."""
    model = build_model(ARCHITECTURE, VOCABULARY, seed=2)
    model.load_state_dict(weights)
    return model.eval()


def forgetter(weights, margin=lambda: 0.0, method="ngdiff", seed=1, adapter=LORA, **settings):
    """A forgetter on a fresh model; a run to both doses takes about 15 steps and 0.1 s."""
    fast = {"doses": (0.3, 0.6), "learning_rate": 3e-3, "max_steps": 80, "max_retain_rise": 1.0}
    return Forgetter(
        Adapter(base_model(weights), adapter),
        method_of(method),
        ForgetSettings(**(fast | settings)),
        RETAIN,
        margin,
        seed,
    )


def plain_losses(model, documents):
    """Per-document loss by Hugging Face's own loss, one document at a time."""
    with torch.no_grad():
        rows = [torch.from_numpy(ids.astype(np.int64))[None] for ids in documents]
        return torch.stack([model(input_ids=row, labels=row).loss for row in rows])


def same_weights(first, second):
    """True if two dicts of tensors are equal bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def topic_documents(count, seed=0, formats=("a", "b", "c")):
    """A topic's documents: a higher influence goes with a longer and easier document."""
    rng = stream(seed, "topic documents")
    score = rng.normal(size=count)
    return pl.DataFrame(
        {
            "doc_id": [f"d{number:04d}" for number in rng.permutation(count)],
            "topic": "t",
            "format": rng.choice(formats, size=count),
            "n_tokens": np.round(100 + 8 * score + 20 * rng.normal(size=count)).astype(int),
            "loss": 2 - 0.1 * score + 0.3 * rng.normal(size=count),
            "score": score,
        }
    )


def effect(target, topic, arm, seed, damage, evaluated=None, dose=1.0, **changes):
    """One row of the table effects; the margin's damage is twice that of accuracy."""
    row = {
        "target": target,
        "evaluated": evaluated or target,
        "topic": topic,
        "arm": arm,
        "seed": seed,
        "dose": dose,
        "damage_accuracy": damage,
        "damage_margin": None if damage is None else 2 * damage,
        "forget_rise": 1.02 * dose,
        "retain_rise": 0.01,
        "steps": 9,
        "matched": arm in ("random", "low", "crossed_random") or None,
        "collapsed": False,
        "n_questions": 40,
        "accuracy": None if damage is None else 0.9 - damage,
        "at_floor": False,
    }
    if damage is None:
        empty = ("forget_rise", "retain_rise", "steps", "n_questions", "at_floor")
        row |= dict.fromkeys(empty)
    return row | changes


def asked_of(effects, spread=0.0, n_questions=40):
    """Damage by question behind these effects: every question loses the same, but for ``spread``.

    Deviations are those of the question, as large in all topics and opposite in targeted and
    random, and sum to zero over the questions.
    """
    asked = Asked()
    deviation = stream(0, "deviations").normal(0, 1, n_questions)
    deviation = spread * (deviation - deviation.mean())
    for row in effects.drop_nulls("damage_accuracy").iter_rows(named=True):
        sign = {"targeted": 0.5, "random": -0.5}.get(row["arm"], 0.0)
        key = [row[name] for name in ("target", "evaluated", "topic", "arm", "seed", "dose")]
        both = [row["damage_accuracy"], row["damage_margin"]]
        asked.lost[tuple(key)] = np.array([mean + sign * deviation for mean in both])
        asked.sizes[row["evaluated"]] = np.ones(n_questions)
    return asked


def effects_frame(rows):
    """The table effects from such rows."""
    return pl.DataFrame(rows, schema=polars_schema("unlearning/effects"), orient="row")


def damage_of(target, topic, arm, seed, evaluated):
    """A damage between -0.2 and 0.5 that depends on nothing but its names."""
    rng = stream(seed, "damage", target, topic, arm, evaluated)
    return round(0.2 * (arm == "targeted") + rng.uniform(-0.2, 0.3), 6)


def random_effects(
    topics,
    seeds=(1, 2),
    targets=("x", "y"),
    doses=(0.5, 1.0),
    arms=("targeted", "random", "bottom"),
):
    """Effects of these arms on every benchmark, all doses reached."""
    return effects_frame(
        [
            effect(
                target, topic, arm, seed, dose * damage_of(target, topic, arm, seed, other),
                evaluated=other, dose=dose,
            )
            for target in targets
            for other in targets
            for topic in topics
            for arm in arms
            for seed in seeds
            for dose in doses
        ]
    )  # fmt: skip
