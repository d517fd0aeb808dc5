"""Bin influence of one benchmark under another training of the study's model.

in   sketches: sums of document rows per (bin, fold), all shards; queries, order: query rows;
     summary: expected documents and sites per bin
out  bins: 576 rows, columns of influence/bins; resampling: npz to compare documents and questions
"""

from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import write_table
from workflow_scripts.influence.bins.bin_table import table
from workflow_scripts.influence.bins.composition import read_makeup
from workflow_scripts.influence.bins.estimate_bins import read_rows
from workflow_scripts.influence.bins.group_scores import coherence, group_means
from workflow_scripts.influence.bins.projection_error import projection_variance
from workflow_scripts.influence.uncertainty.resampling import from_components, save
from workflow_scripts.influence.uncertainty.variance_components import components


def main(snakemake: Any) -> None:
    """Estimate and write."""
    source, params, output = snakemake.input, snakemake.params, snakemake.output
    sketch, queries = read_rows(source)
    groups = group_means(sketch, queries)
    parts, alike = components(groups), coherence(sketch)
    frame = table(
        parts,
        read_makeup(source.summary),
        alike,
        params.confidence,
        params.multiplicity,
        v_projection=projection_variance(sketch, queries, groups, alike),
    )
    write_table(frame, output.bins, "influence/bins")
    save(output.resampling, from_components(parts, own=True))


if __name__ == "__main__":
    run_job(main, snakemake)
