"""Draw what forgetting did.

in   effects, tests: damage and its tests; dose_response: by question; runs, histories: of every
     benchmark, topic and seed; cautions: report/cautions.json
out  per figure (damage_curves, paired_effects, damage_matrix, dose_response) png, svg and the
     table as csv
"""

from pathlib import Path
from typing import Any

from workflow_scripts.common.files import read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.cautions import own, texts
from workflow_scripts.report.figures.dose_response_panel import draw_responses, own_responses
from workflow_scripts.report.figures.unlearning_matrix import draw_matrix
from workflow_scripts.report.figures.unlearning_panels import draw_curves, draw_pairs
from workflow_scripts.report.figures.unlearning_tables import (
    damage_matrix,
    margin_curves,
    paired_effects,
)
from workflow_scripts.report.style import save_csv, save_figure, style
from workflow_scripts.unlearning.arms import COLLAPSED
from workflow_scripts.unlearning.effects.pairs import shown_dose
from workflow_scripts.unlearning.forgetting.run_records import read_run


def main(snakemake: Any) -> None:
    """Draw and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    effects = read_table(source.effects, "unlearning/effects")
    tests = read_table(source.tests, "unlearning/tests")
    cautions = read_json(source.cautions)
    titles = dict(zip(params.benchmarks, params.titles, strict=True))
    targets = {name: titles[name] for name in params.targets}
    histories, collapsed = {}, set()
    for run, history in zip(source.runs, source.histories, strict=True):
        record = read_run(run)
        # <results>/unlearning/{benchmark}/{topic}/seed{seed}/run.json
        key = (Path(run).parents[2].name, record["topic"], record["seed"])
        histories[key] = read_table(history, "unlearning/history")
        collapsed |= {
            (*key, arm) for arm, ended in record["arms"].items() if ended["state"] == COLLAPSED
        }
    curves = margin_curves(histories, collapsed, max(params.doses), params.confidence)
    dose = shown_dose(tests)
    pairs, matrix = paired_effects(effects, dose), damage_matrix(tests, dose)
    response = own_responses(read_table(source.dose_response, "unlearning/dose_response"), dose)
    tables = {"curves": curves, "pairs": pairs, "matrix": matrix, "response": response}
    for name, table in tables.items():
        save_csv(table, output[f"{name}_csv"])
    with style():
        figures = {
            "curves": draw_curves(curves, tests, targets, params.confidence),
            "pairs": draw_pairs(pairs, tests, targets, params.confidence),
            "matrix": draw_matrix(matrix, tests, titles, params.confidence),
            "response": draw_responses(response, targets, dose, params.confidence),
        }
        for name, figure in figures.items():
            shown = titles if name == "matrix" else targets
            foot = texts(own(cautions, shown))
            save_figure(figure, output[f"{name}_png"], output[f"{name}_svg"], foot)


if __name__ == "__main__":
    run_job(main, snakemake)
