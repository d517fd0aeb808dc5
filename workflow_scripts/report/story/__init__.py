"""Front page of Snakemake's report."""
