"""Resources of the variants of the maps: one pass over the kept rows, whitened again."""

from workflow_scripts.preflight.costs.model_work import roots_bytes
from workflow_scripts.preflight.costs.rule_cost import DOCUMENT, PRODUCT, TORCH, Demand, once
from workflow_scripts.preflight.costs.sizes import Sizes

# Variants of a map, passes over the rows that whiten them again; rows and questions at once.
VARIANTS, DAMPED, VARIED_ROWS, VARIED_QUESTIONS = 6, 2, 1024, 128


def varied_questions(s: Sizes) -> int:
    """Questions of all benchmarks, those of a long one in batches."""
    return sum(min(s.questions(name), VARIED_QUESTIONS) for name in s.definitions)


def varied_rows(s: Sizes) -> float:
    """Rows that are multiplied with questions: documents, or groups of each block."""
    blocks = s.documents / VARIED_ROWS
    groups = blocks * (VARIANTS - DAMPED) * 2 * s.config["corpus"]["folds"]
    return (1 + DAMPED) * min(s.documents, groups)


VARIANTS_OF_MAPS = {
    "vary_maps": Demand(
        "influence",
        once,
        memory=lambda s, b: (
            TORCH
            + s.keep_rows
            * (
                4 * (VARIANTS + 1) * s.groups * varied_questions(s)
                + 4 * s.all_questions * s.width
                + 4 * (2 + DAMPED) * varied_questions(s) * s.width
                + 20 * VARIED_ROWS * s.width
                + 8 * roots_bytes(s)
                + min(s.documents * s.row_bytes, 1e9)
                + DOCUMENT * s.documents
            )
        ),
        seconds=lambda s, b: (
            s.keep_rows
            * 2
            * s.width
            * (varied_rows(s) * varied_questions(s) + DAMPED * s.documents * s.block)
            / PRODUCT
        ),
        rows=lambda s, b: s.documents,
        start=2,
    )
}
