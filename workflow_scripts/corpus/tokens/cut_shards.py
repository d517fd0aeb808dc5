"""Say which document of the working set goes to which shard.

in   sample: table corpus/sample
out  cut: table corpus/cut
"""

import logging
from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.corpus.tokens.cutting import cut_shards

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Cut by estimated tokens."""
    columns = ["doc_id", "topic", "format", "draw_rank", "n_tokens_estimate"]
    sample = read_table(snakemake.input.sample, "corpus/sample", columns)
    cut = cut_shards(sample, snakemake.params.shards, snakemake.params.max_tokens)
    write_table(cut, snakemake.output.cut, "corpus/cut")
    sizes = cut.group_by("shard").len().sort("shard")["len"].to_list()
    logger.info("documents per shard: %s", ", ".join(map(str, sizes)))


if __name__ == "__main__":
    run_job(main, snakemake)
