# Two commands do everything on a fresh machine with Python 3.11 or newer: make demo, make test.
PYTHON ?= python3
CORES ?= all
STUDY ?= planted
VENV := .venv
BIN := $(VENV)/bin
# What a finished study was run with: the config that is named, else what its last run has noted.
OPTIONS = $(if $(CONFIG),--configfile $(CONFIG),$(shell cat results/$(STUDY)/.state/options 2>/dev/null))
MATRIX_OPTIONS = --configfile configs/matrix.yaml --config 'influence={matrix: "$(FILE)"}'
# Snakemake's report of the study $(1), which was run with the options $(2).
write_report = $(BIN)/snakemake $(2) --report results/$(1)/report/report.html > results/$(1)/report/report.log 2>&1 || { cat results/$(1)/report/report.log; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup demo report status publish validate lint format test test-all matrix bench lds power simulate check-benchmark plan docs graph clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: $(VENV)/.installed ## create the environment from the pinned requirements

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Python 3.11 or newer is needed, $(PYTHON) is %d.%d; name another one: make PYTHON=python3.12 ..." % v[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: envs/requirements.txt envs/constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements.txt -c envs/constraints.txt
	@touch $@

$(VENV)/.installed-dev: envs/requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements-dev.txt -c envs/constraints.txt
	@touch $@

demo: $(VENV)/.installed ## run the planted study and print what it found
	ATLAS_HEADLINE=later $(BIN)/snakemake --cores $(CORES)
	@$(MAKE) --no-print-directory report
	@$(BIN)/python -m workflow_scripts.report.headline results/planted

report: $(VENV)/.installed ## write the report of a finished study (STUDY=x)
	@test -d results/$(STUDY)/report || { echo "results/$(STUDY)/report is not there: run the study first, or name it (make report STUDY=x)"; exit 1; }
	@test -n "$(CONFIG)" -o -f results/$(STUDY)/.state/options -o $(STUDY) = planted || { echo "what $(STUDY) was run with is not noted: name its config (make report CONFIG=configs/x.yaml STUDY=$(STUDY))"; exit 1; }
	@$(call write_report,$(STUDY),$(OPTIONS))

status: $(VENV)/.installed ## how far a study is, also while it runs (CONFIG=configs/x.yaml)
	@$(BIN)/python -m workflow_scripts.report.status $(if $(CONFIG),--configfile $(CONFIG))

publish: $(VENV)/.installed ## put a finished study into a folder to share (CONFIG=configs/x.yaml)
	$(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG)) -- publish

validate: $(VENV)/.installed ## run every check of a study and hold it to its bar (CONFIG=configs/x.yaml)
	@$(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG)) validate

lint: $(VENV)/.installed-dev ## ruff, snakefmt and snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: $(VENV)/.installed-dev ## format Python and Snakemake files
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile rules

test: lint ## lint, unit, graph and a small planted study: about five minutes on two cores
	$(BIN)/pytest -m "not slow" -n 2 --dist loadscope --ignore tests/workflow/test_small_study.py
	$(BIN)/pytest -m "not slow" tests/workflow/test_small_study.py

test-all: test ## the long tests too: real text, the demo's bars, bergson's own commands
	$(BIN)/pytest -m slow

matrix: $(VENV)/.installed ## every table and figure that an existing bin matrix allows (FILE=matrix.csv)
	@test -n "$(FILE)" || { echo "name the matrix: make matrix FILE=path/to/matrix.csv (topic, format, one column a benchmark)"; exit 1; }
	ATLAS_HEADLINE=later $(BIN)/snakemake --cores $(CORES) $(MATRIX_OPTIONS)
	@$(call write_report,matrix,$(MATRIX_OPTIONS))
	@$(BIN)/python -m workflow_scripts.report.headline results/matrix

bench: $(VENV)/.installed ## cost of the document pass and of an unlearning step against plain passes, and of the draw
	$(BIN)/python -m workflow_scripts.attribution.measure_pass results/planted
	$(BIN)/python -m workflow_scripts.unlearning.measure_step results/planted
	$(BIN)/python -m workflow_scripts.corpus.measure_sampling --millions 5

lds: $(VENV)/.installed ## retrain small models on halves of the bins and score every map by them (an hour or two; CONFIG=configs/x.yaml STUDY=x)
	$(BIN)/snakemake lds --cores $(CORES) --configfile $(or $(CONFIG),configs/lds.yaml)
	@$(BIN)/python -m workflow_scripts.validation.show_lds results/$(if $(CONFIG),$(STUDY),lds)

power: $(VENV)/.installed ## what difference a study's unlearning can detect, before it is run (CONFIG=configs/x.yaml)
	@$(BIN)/python -m workflow_scripts.unlearning.power $(if $(CONFIG),--configfile $(CONFIG))

simulate: $(VENV)/.installed ## coverage, false discoveries and power of the bin statistics, into docs/simulation (five minutes on one core)
	@OMP_NUM_THREADS=1 $(BIN)/python -m workflow_scripts.influence.simulate

check-benchmark: $(VENV)/.installed ## print a benchmark's first question as it is scored, or what is wrong with it (NAME=x CONFIG=configs/x.yaml)
	@test -n "$(NAME)" || { echo "name the benchmark: make check-benchmark NAME=x (benchmarks/x.yaml)"; exit 1; }
	@$(BIN)/python -m workflow_scripts.benchmarks.check_benchmark $(NAME) $(if $(CONFIG),--configfile $(CONFIG))

plan: $(VENV)/.installed ## print what a study will cost before it is run (CONFIG=configs/x.yaml)
	@$(BIN)/python -m workflow_scripts.preflight.show_plan $(if $(CONFIG),--configfile $(CONFIG))

docs: $(VENV)/.installed ## write the reference pages from the schemas
	$(BIN)/python -m workflow_scripts.common.reference

graph: $(VENV)/.installed ## draw the graph of rules, docs/images/rules.png
	$(BIN)/snakemake --rulegraph dot | $(BIN)/python -m workflow_scripts.report.rule_graph docs/images/rules.png

clean: ## delete the results of the planted study
	rm -rf results/planted
