"""A made-up retraining whose outputs are sums over the bins of a half, and maps of it."""

import numpy as np
import polars as pl

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.validation.retraining.datamodeling import Output
from workflow_scripts.validation.retraining.lds_table import Experiment
from workflow_scripts.validation.retraining.random_halves import draw_half

NAMES = ("a", "b")
CONTRAST = Output("reasoning", {"a": 1.0, "b": -1.0})


def linear_world(n_bins=40, n_halves=60, noise=0.5, seed=0):
    """Outputs that are sums over the bins of a half, with seed noise; and maps of them.

    ``exact`` is the truth, ``near`` the truth with as much error as it varies, ``nothing`` noise.
    """
    rng = np.random.default_rng(seed)
    bins = pl.DataFrame(BINS[:n_bins], schema=["topic", "format"], orient="row")
    bins = bins.with_columns(n_docs=pl.Series(rng.integers(2, 9, n_bins)))
    n_docs = bins["n_docs"].to_numpy()
    inside = np.stack([draw_half(n_bins, number, seed) for number in range(n_halves)])
    truth = {name: rng.normal(size=n_bins) for name in NAMES}
    signal = {name: inside @ (n_docs * truth[name]) for name in NAMES}
    outputs = {
        name: value[:, None] + noise * value.std() * rng.normal(size=(n_halves, 2))
        for name, value in signal.items()
    }
    wrong = {name: rng.normal(size=n_bins) for name in NAMES}
    values = {
        "trackstar": truth,
        "near": {name: truth[name] + wrong[name] for name in NAMES},
        "nothing": wrong,
    }
    maps = {
        scorer: pl.concat(
            bins.select("topic", "format", benchmark=pl.lit(name), influence=pl.Series(each[name]))
            for name in NAMES
        )
        for scorer, each in values.items()
    }
    return Experiment(bins, inside, {"margin": outputs, "accuracy": outputs}), maps
