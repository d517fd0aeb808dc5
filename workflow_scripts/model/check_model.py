"""Check a pretrained model before a document is read: weights, layers, tokens; no weight is read.

in   record: model.json; document_record: for a query model or a sibling, that of the study's model
out  check: what was found: the architecture and its weights, its linear layers, the tokens of the
     tokenizer and those it puts in front of and behind every text
"""

import logging
from typing import Any

from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.corpus.tokens.tokenizer_files import load_reference
from workflow_scripts.model.layers import linear_shapes
from workflow_scripts.model.loading import read_record
from workflow_scripts.model.model_facts import (
    check_alike,
    check_positions,
    layer_facts,
    token_facts,
    weight_facts,
)
from workflow_scripts.model.weight_fit import check_loading, load_shapes

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Check one model and write what was found."""
    params, source = snakemake.params, snakemake.input
    record = read_record(source.record)
    path, revision = record["path"], record["revision"]
    model, info = load_shapes(path, revision)
    check_loading(model, info, path)
    facts = {"path": path, "revision": revision, "digest": record["digest"]} | weight_facts(model)
    facts["layers"] = layer_facts(model)
    other = source.get("document_record")
    if other:
        document = read_record(other)
        own, _ = load_shapes(document["path"], document["revision"])
        check_alike(model, own, path, params.get("key", "model.query.path"))
    else:
        check_positions(model.config, params.max_tokens, path)
        facts["tokens"] = token_facts(load_reference(path, revision), model, path)
        report_tokens(facts["tokens"])
    write_json(snakemake.output.check, facts)
    logger.info(
        "%s: %s weights in %d tensors, %d linear layers",
        facts["architecture"],
        f"{facts['parameters']:,}",
        facts["tensors"],
        len(linear_shapes(model)),
    )


def report_tokens(facts: dict[str, Any]) -> None:
    """Log what every text begins with, and what the tokenizer would put behind it."""
    front, back = facts["in_front"], facts["left_out_behind"]
    if front:
        logger.info("every text begins with %s", ", ".join(each["token"] for each in front))
    if back:
        logger.warning(
            "the tokenizer ends every text with %s; left out of documents and questions alike",
            ", ".join(each["token"] for each in back),
        )


if __name__ == "__main__":
    run_job(main, snakemake)
