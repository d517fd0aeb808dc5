"""Resources of the rules of other trainings of the model: those of the study's own, again."""

from dataclasses import replace

from workflow_scripts.preflight.costs.corpus import MODEL
from workflow_scripts.preflight.costs.maps import ATTRIBUTION, INFLUENCE
from workflow_scripts.preflight.costs.rule_cost import (
    STATISTICS,
    Demand,
    by_benchmark,
    has_train,
    several,
    when,
)

SIBLINGS = {
    "train_sibling": replace(
        MODEL["train_model"], jobs=several(lambda s: s.siblings * has_train(s))
    ),
    "reference_sibling": replace(
        MODEL["reference_model"], jobs=several(lambda s: s.siblings * (not has_train(s)))
    ),
    "check_sibling": replace(
        MODEL["check_model"], jobs=several(lambda s: s.siblings * (not has_train(s)))
    ),
    "fit_sibling_preconditioner": replace(
        ATTRIBUTION["fit_preconditioner"], jobs=several(lambda s: s.siblings)
    ),
    "attribute_sibling_documents": replace(
        ATTRIBUTION["attribute_documents"],
        jobs=several(lambda s: s.siblings * s.shards),
        disk=lambda s, b: 12 * s.shard_groups * s.width + 100 * s.documents / s.shards,
    ),
    "attribute_sibling_queries": replace(
        ATTRIBUTION["attribute_queries"], jobs=by_benchmark(lambda s: s.siblings)
    ),
    "estimate_sibling_bins": replace(
        INFLUENCE["estimate_bins"], jobs=by_benchmark(lambda s: s.siblings)
    ),
    "compare_models": Demand(
        "influence",
        when(lambda s: s.siblings),
        memory=lambda s, b: (
            STATISTICS + 3 * 8 * (1 + s.siblings) * s.bins * (s.all_questions + s.most_questions)
        ),
        seconds=lambda s, b: 2,
    ),
}
