"""Control: the document pass repeated on models of the same shape that were never trained.

An untrained model's gradients still see words, so its map is lexical; it must not separate a bin
that supports a benchmark from one that contradicts it in the same words. One draw of random weights
says little: in the planted study the AUROC of support against contradiction, averaged over the
benchmarks, was 0.63, 0.50 and 0.56 for three. Like the study's own document pass this one does
not know the benchmarks.

in   shards: every tokenised shard; record: a pretrained model, for its shape; that of a model
     trained here follows from the config and the tokenizer, so that nothing waits for the training
out  sketches: sums of rows per (bin, fold), a file per model; moments, settings: the
     preconditioner of each
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.document_pass import PassSettings, attribute
from workflow_scripts.attribution.sketch import write_sketch
from workflow_scripts.attribution.whitening import inverse_root
from workflow_scripts.common.files import value_digest, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.architecture import ArchitectureSettings, model_config
from workflow_scripts.model.loading import load_tokenizer, recorded_config, untrained_model
from workflow_scripts.validation.projection.second_projection import fit_moments

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

logger = logging.getLogger("atlas")


def attribute_model(
    model: "PreTrainedModel",
    shards: list[str],
    params: Any,
    identity: str,
    paths: tuple[str, str, str],
) -> None:
    """Fit a preconditioner for one untrained model, run its document pass and write both.

    Args:
        model: the untrained model.
        shards: every tokenised shard.
        params: of the rule.
        identity: digest of what the random weights follow from.
        paths: where the sketch, the moments and the settings go.
    """
    sketch, moments_path, settings_path = paths
    projection = params.projection_dim, params.seed_projection, params.projections
    engine = GradientEngine(model, *projection)
    moments, stability = fit_moments(engine, shards, params)
    preconditioner.write(moments_path, engine, moments)
    settings = preconditioner.settings_record(
        engine, identity, params.loss_reduction, params.damping, stability
    )
    manifest = preconditioner.manifest_of(moments_path, settings)
    write_json(settings_path, settings | {"digest": manifest["preconditioner"]})
    corpus = pl.concat([read_table(path, "corpus/shards") for path in shards])
    numbers = PassSettings(params.loss_reduction, "float32", params.tokens_per_batch)
    roots = inverse_root(moments, params.damping).to(model.device)
    sums, documents = attribute(engine, roots, corpus, numbers)
    write_sketch(sketch, sums, documents, manifest | {"shard": "all"})


def study_config(source: Any, architecture: Mapping[str, int]) -> "PreTrainedConfig":
    """The configuration of the study's model, trained or not."""
    if source.get("record"):
        return recorded_config(source.record)
    vocabulary = len(load_tokenizer(Path(source.tokenizer).parent))
    return model_config(ArchitectureSettings(**architecture), vocabulary)


def main(snakemake: Any) -> None:
    """Attribute with every untrained model."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    config = study_config(source, params.architecture)
    files = zip(output.sketches, output.moments, output.settings, strict=True)
    for number, paths in enumerate(files):
        logger.info("untrained model %d of %d", number + 1, len(output.sketches))
        model = untrained_model(config, params.seed, number, params.device)
        identity = value_digest(["untrained", params.seed, number])
        attribute_model(model, list(source.shards), params, identity, paths)


if __name__ == "__main__":
    run_job(main, snakemake)
