"""Map the benchmarks by the gradient baselines and controls.

Cosine and dot product without a preconditioner were summed in the document pass and cost no
second one. Each untrained model has a sketch of its own; its questions are asked here. The
shuffled control assigns the documents to bins at random: nothing should stand out.

in   sketches: sums per (bin, fold) of every shard; raw, order: raw query rows of every
     benchmark and their ids; summary: sites per bin; with the untrained control also the
     sketch, moments and settings of each model, the questions and the model's record; with the
     shuffled control the documents of every shard, their unit rows and the whitened query rows
out  cosine, dot, untrained, shuffled: the columns of influence/bin_influence, all benchmarks
"""

from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.influence.bins.composition import read_makeup
from workflow_scripts.validation.baselines.gradient_maps import (
    shuffled_maps,
    unpreconditioned_maps,
    untrained_maps,
)
from workflow_scripts.validation.maps.scorer_maps import read_bin_column, write_maps
from workflow_scripts.validation.scorers import ALWAYS


def main(snakemake: Any) -> None:
    """Score and write every baseline that the study asks for."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    sampled = read_bin_column(source.summary, "n_sampled")
    makeup = read_makeup(source.summary)
    for variant in ALWAYS:
        maps = unpreconditioned_maps(source, params, variant, sampled)
        write_maps(getattr(output, variant), maps, makeup)
    if output.get("untrained"):
        maps = untrained_maps(source, params, sampled)
        write_maps(output.untrained, maps, makeup)
    if output.get("shuffled"):
        maps, alone = shuffled_maps(source, params)
        write_maps(output.shuffled, maps, alone)


if __name__ == "__main__":
    run_job(main, snakemake)
