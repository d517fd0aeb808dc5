"""Stage report: cautions, figures, the explorer and the front page.

Needs the bin tables, the contrasts, the base model's answers and, in a study with planted truth,
what the validation found. Leaves the list of cautions, which all of them
show, and every figure as PNG and SVG with the table behind it as CSV; snakemake --report binds them
with their captions.
"""

TITLES = {name: definition.title for name, definition in DEFINITIONS.items()}
TITLED = {name: cell | {"title": TITLES[name]} for name, cell in CELLS.items()}
# Questions and the base model's answers; a study of a matrix has neither.
ANSWERED = {
    name: collect(f"<results>/benchmarks/{{benchmark}}/{name}.parquet", benchmark=BENCHMARKS)
    for name in (() if MATRIX else ("answers", "queries"))
}


# Inputs of the cautions; a study of a matrix has its maps alone.
CAUTIONED = {}
if not MATRIX:
    CAUTIONED = ANSWERED | {
        "results": collect("<results>/benchmarks/{benchmark}/results.json", benchmark=BENCHMARKS),
        "contract": "<results>/corpus/sample_contract.json",
        "summary": "<results>/corpus/bin_summary.parquet",
        "reliability": "<results>/influence/reliability.parquet",
    }
# A pretrained model is checked by a rule of its own.
if any(each.name == "check_model" for each in workflow.rules):
    CAUTIONED["check"] = "<results>/model/check.json"


rule collect_cautions:
    """Cautions to know before a map is read, in one list for all pages and figures."""
    input:
        **CAUTIONED,
        bins="<results>/influence/bin_influence.parquet",
    output:
        cautions="<results>/report/cautions.json",
    log:
        "<logs>/collect_cautions.log",
    benchmark:
        "<timings>/collect_cautions.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("collect_cautions"),
    params:
        version=VERSION["report"],
        benchmarks=BENCHMARKS,
        titles=[TITLES[name] for name in BENCHMARKS],
    script:
        "../workflow_scripts/report/collect_cautions.py"


TARGETS += [f"{RESULTS}/report/cautions.json"]


# Figures beside the maps: the table of the stage influence that each shows, its category and title.
FIGURES = {
    "marginals": ("Influence maps", "Topics and formats"),
}
if len(BENCHMARKS) > 1:
    FIGURES["correlations"] = ("Agreement", "How alike the maps are")
if CONTRASTS:
    FIGURES["contrasts"] = ("Contrasts", "Maps against each other")
if not MATRIX:
    FIGURES["reliability"] = ("Agreement", "Would the maps be found again?")
    FIGURES["error_budget"] = ("Agreement", "What is a bin's number uncertain of?")
    FIGURES["lexical_profile"] = ("Words", "Which words do the regions use?")


rule plot_influence:
    """Figures of the signed map of every benchmark, and of the other tables of the maps."""
    input:
        **ANSWERED,
        **{name: f"<results>/influence/{name}.parquet" for name in FIGURES},
        bins="<results>/influence/bin_influence.parquet",
        cautions="<results>/report/cautions.json",
    output:
        **{f"{name}_png": f"<results>/report/figures/{name}.png" for name in FIGURES},
        **{
            f"{name}_svg": report(
                f"<results>/report/figures/{name}.svg",
                caption=f"../report/{name}.rst",
                category=category,
                labels={"figure": title},
            )
            for name, (category, title) in FIGURES.items()
        },
        **{
            f"{name}_csv": report(
                f"<results>/report/figures/{name}.csv",
                caption=f"../report/{name}_table.rst",
                category="Tables",
                labels={"table": title},
            )
            for name, (_, title) in FIGURES.items()
        },
        map_png=collect("<results>/report/figures/map_{benchmark}.png", benchmark=BENCHMARKS),
        map_svg=[
            report(
                f"<results>/report/figures/map_{name}.svg",
                caption="../report/map.rst",
                category="Influence maps",
                labels={"benchmark": TITLES[name], "kind": "signed map (z)"},
            )
            for name in BENCHMARKS
        ],
        map_csv=[
            report(
                f"<results>/report/figures/map_{name}.csv",
                caption="../report/map_table.rst",
                category="Tables",
                labels={"table": f"Bins: {TITLES[name]}"},
            )
            for name in BENCHMARKS
        ],
    log:
        "<logs>/plot_influence.log",
    benchmark:
        "<timings>/plot_influence.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("plot_influence"),
    params:
        version=VERSION["report"],
        benchmarks=BENCHMARKS,
        titles=[TITLES[name] for name in BENCHMARKS],
        figures=list(FIGURES),
        matrix=bool(MATRIX),
        cells=TITLED,
        contrasts=config["contrasts"],
        confidence=config["influence"]["confidence"],
    script:
        "../workflow_scripts/report/figures/plot_influence.py"


TARGETS += collect(
    "<results>/report/figures/{name}.{kind}",
    name=[*(f"map_{name}" for name in BENCHMARKS), *FIGURES],
    kind=["png", "svg", "csv"],
)


# Results of the checks: the input, the output and the files where the truth is known.
TRUTH_INPUT, TRUTH_OUTPUT, TRUTH_FILES = {}, {}, []
if PLANTED:
    TRUTH_INPUT = {
        "truth": "<results>/corpus/truth.parquet",
        "bins": "<results>/influence/bin_influence.parquet",
        "planted": "<results>/validation/planted.parquet",
    }
    TRUTH_OUTPUT = {
        "planted_png": "<results>/report/figures/planted.png",
        "planted_svg": report(
            "<results>/report/figures/planted.svg",
            caption="../report/planted.rst",
            category="Validation",
            labels={"figure": "Planted truth"},
        ),
        "bins_csv": report(
            "<results>/report/figures/planted_bins.csv",
            caption="../report/planted_bins_table.rst",
            category="Tables",
            labels={"table": "Planted truth: bins"},
        ),
        "scorers_csv": report(
            "<results>/report/figures/planted_scorers.csv",
            caption="../report/planted_scorers_table.rst",
            category="Tables",
            labels={"table": "Planted truth: scorers"},
        ),
    }
    TRUTH_FILES = ["planted.png", "planted.svg", "planted_bins.csv", "planted_scorers.csv"]


if not MATRIX:

    rule plot_validation:
        """Figures of what simpler scorers explain of the maps, and of the planted truth."""
        input:
            **TRUTH_INPUT,
            explained="<results>/validation/explained.parquet",
            cautions="<results>/report/cautions.json",
        output:
            **TRUTH_OUTPUT,
            explained_png="<results>/report/figures/explained.png",
            explained_svg=report(
                "<results>/report/figures/explained.svg",
                caption="../report/explained.rst",
                category="Validation",
                labels={"figure": "What simpler scorers explain"},
            ),
            explained_csv=report(
                "<results>/report/figures/explained.csv",
                caption="../report/explained_table.rst",
                category="Tables",
                labels={"table": "What simpler scorers explain"},
            ),
        log:
            "<logs>/plot_validation.log",
        benchmark:
            "<timings>/plot_validation.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("plot_validation"),
        params:
            version=VERSION["report"],
            benchmarks=BENCHMARKS,
            titles=[TITLES[name] for name in BENCHMARKS],
            planted=PLANTED,
            confidence=config["influence"]["confidence"],
        script:
            "../workflow_scripts/report/figures/plot_validation.py"

    TARGETS += expand(
        f"{RESULTS}/report/figures/{{file}}",
        file=["explained.png", "explained.svg", "explained.csv", *TRUTH_FILES],
    )


# Contents of the page besides the maps, where the study has them.
EXPLORED = {}
if not MATRIX:
    EXPLORED = ANSWERED | {
        "summary": "<results>/corpus/bin_summary.parquet",
        "contract": "<results>/corpus/sample_contract.json",
        "record": "<results>/model/model.json",
    }
if PLANTED:
    EXPLORED["truth"] = "<results>/corpus/truth.parquet"
# Further inputs of the front page.
TOLD = {}
if not MATRIX:
    TOLD["reliability"] = "<results>/influence/reliability.parquet"
    TOLD["sensitivity"] = "<results>/influence/sensitivity.parquet"
    TOLD["error_budget"] = "<results>/influence/error_budget.parquet"
    TOLD |= COMPARE_OUTPUT
    if CHECKS["leakage_ngram"]:
        TOLD["leakage"] = LEAKAGE_OUTPUT["leakage"]
if FORGOTTEN:
    TOLD["tests"] = "<results>/unlearning/tests.parquet"
    TOLD["dose_response"] = "<results>/unlearning/dose_response.parquet"
    TOLD["topics"] = "<results>/unlearning/topics.parquet"
    TOLD["selection"] = "<results>/unlearning/selection.parquet"


rule write_explorer:
    """A page with every map, bin and contrast to look around in, and the report's front page."""
    input:
        **EXPLORED,
        **TOLD,
        bins="<results>/influence/bin_influence.parquet",
        contrasts="<results>/influence/contrasts.parquet",
        contrast_extremes="<results>/influence/contrast_extremes.parquet",
        correlations="<results>/influence/correlations.parquet",
        marginals="<results>/influence/marginals.parquet",
        weighted="<results>/influence/weighted.parquet",
        cautions="<results>/report/cautions.json",
    output:
        page=report(
            "<results>/report/explorer.html",
            caption="../report/explorer.rst",
            category="Explorer",
            labels={"page": "Every map, bin and contrast"},
        ),
        story="<results>/report/story.rst",
    log:
        "<logs>/write_explorer.log",
    benchmark:
        "<timings>/write_explorer.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("write_explorer"),
    params:
        version=VERSION["report"],
        study=config["study"],
        benchmarks=BENCHMARKS,
        titles=[TITLES[name] for name in BENCHMARKS],
        cells=TITLED,
        contrasts=config["contrasts"],
        confidence=config["influence"]["confidence"],
        told={
            "confidence": config["influence"]["confidence"],
            "multiplicity": config["influence"]["multiplicity"],
            "matrix": bool(MATRIX),
            "retrained": RETRAINED,
        },
    script:
        "../workflow_scripts/report/explorer/write_explorer.py"


TARGETS += [f"{RESULTS}/report/explorer.html", f"{RESULTS}/report/story.rst"]


UNLEARNING_FIGURES = {
    "curves": ("damage_curves", "Damage by dose"),
    "pairs": ("paired_effects", "Targeted against matched, by topic"),
    "matrix": ("damage_matrix", "Damage on every benchmark"),
    "response": ("dose_response", "Dose response by question"),
}

if FORGOTTEN:

    rule plot_unlearning:
        """Figures of the damage of forgetting by dose, by topic, and on every benchmark."""
        input:
            effects="<results>/unlearning/effects.parquet",
            tests="<results>/unlearning/tests.parquet",
            dose_response="<results>/unlearning/dose_response.parquet",
            cautions="<results>/report/cautions.json",
            runs=TOPIC_RUNS,
            histories=[path.replace("run.json", "history.parquet") for path in TOPIC_RUNS],
        output:
            **{
                f"{key}_png": f"<results>/report/figures/{name}.png"
                for key, (name, _) in UNLEARNING_FIGURES.items()
            },
            **{
                f"{key}_svg": report(
                    f"<results>/report/figures/{name}.svg",
                    caption=f"../report/{name}.rst",
                    category="Unlearning",
                    labels={"figure": title},
                )
                for key, (name, title) in UNLEARNING_FIGURES.items()
            },
            **{
                f"{key}_csv": report(
                    f"<results>/report/figures/{name}.csv",
                    caption=f"../report/{name}_table.rst",
                    category="Tables",
                    labels={"table": f"Unlearning: {title}"},
                )
                for key, (name, title) in UNLEARNING_FIGURES.items()
            },
        log:
            "<logs>/plot_unlearning.log",
        benchmark:
            "<timings>/plot_unlearning.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("plot_unlearning"),
        params:
            version=VERSION["report"],
            benchmarks=BENCHMARKS,
            titles=[TITLES[name] for name in BENCHMARKS],
            targets=FORGOTTEN,
            doses=RUN_SETTINGS["doses"],
            confidence=config["influence"]["confidence"],
        script:
            "../workflow_scripts/report/figures/plot_unlearning.py"

    TARGETS += expand(
        f"{RESULTS}/report/figures/{{name}}.{{kind}}",
        name=[name for name, _ in UNLEARNING_FIGURES.values()],
        kind=["png", "svg", "csv"],
    )


# Outside of the study: snakemake lds asks for it.
RETRAINING_FIGURES = {
    "scores": ("retraining", "Retraining: scores"),
    "halves": ("retraining_halves", "Retraining: half by half"),
}

if RETRAINED:

    rule plot_retraining:
        """Figures of the linear datamodeling score (LDS) of each map over halves of the bins."""
        input:
            lds="<results>/validation/lds.parquet",
            predictions="<results>/validation/retraining/predictions.parquet",
        output:
            **{
                f"{key}_png": f"<results>/report/figures/{name}.png"
                for key, (name, _) in RETRAINING_FIGURES.items()
            },
            **{
                f"{key}_svg": report(
                    f"<results>/report/figures/{name}.svg",
                    caption=f"../report/{name}.rst",
                    category="Validation",
                    labels={"figure": title},
                )
                for key, (name, title) in RETRAINING_FIGURES.items()
            },
            **{
                f"{key}_csv": report(
                    f"<results>/report/figures/{name}.csv",
                    caption=f"../report/{name}_table.rst",
                    category="Tables",
                    labels={"table": title},
                )
                for key, (name, title) in RETRAINING_FIGURES.items()
            },
        log:
            "<logs>/plot_retraining.log",
        benchmark:
            "<timings>/plot_retraining.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("plot_retraining"),
        params:
            version=VERSION["report"],
            benchmarks=BENCHMARKS,
            titles=[TITLES[name] for name in BENCHMARKS],
            contrasts={plan.name: plan.title for plan in CONTRASTS},
        script:
            "../workflow_scripts/report/figures/plot_retraining.py"
