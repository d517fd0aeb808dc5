# Two commands do everything on a fresh machine with Python 3.11 to 3.13: make demo, make test.
PYTHON ?= python3
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
# A value as the shell takes it, whatever it holds: blanks, quotes, dollars.
quoted = '$(subst ','\'',$(1))'
CONFIGFILE = $(if $(CONFIG),--configfile $(call quoted,$(value CONFIG)))
# The study that is meant: that of the config which is named, else the one named, else the planted one.
ifneq ($(CONFIG),)
override STUDY = $(eval override STUDY := $(shell $(BIN)/python -m workflow_scripts.common.config.study_name $(CONFIGFILE)))$(STUDY)
else
STUDY ?= planted
endif
FOLDER = $(call quoted,results/$(STUDY))
# What a finished study was run with: the config that is named, else what its last run has noted.
OPTIONS = $(or $(CONFIGFILE),$(shell cat $(FOLDER)/.state/options 2>/dev/null))
# Snakemake's report of the study in the folder $(1), which was run with the options $(2).
write_report = { $(BIN)/snakemake $(2) --report $(1)/report/report.html > $(1)/report/report.log 2>&1 || { cat $(1)/report/report.log; exit 1; }; }

# Whether the study of a target is the one that is meant: its config is there, and names it.
define check_study
@test -z $(call quoted,$(value CONFIG)) || test -f $(call quoted,$(value CONFIG)) || { echo "the config file "$(call quoted,$(value CONFIG))" does not exist"; exit 1; }
@test "$(origin STUDY)" != "command line" || test -n $(call quoted,$(value CONFIG)) || { echo "name the study by its config: make $@ CONFIG=configs/x.yaml"; exit 1; }
endef

.DEFAULT_GOAL := help
.PHONY: help setup demo report status publish validate lint format test test-all matrix bench bench-gpu lds power simulate hard-seeds check-benchmark plan docs graph clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: $(VENV)/.installed ## create the environment from the pinned requirements

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Python 3.11 or newer is needed, $(PYTHON) is %d.%d; name another one: make PYTHON=python3.12 ..." % v[:2])'
	$(PYTHON) -m venv "$$(readlink -m $(VENV))"

$(VENV)/.installed: envs/requirements.txt envs/constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements.txt -c envs/constraints.txt
	@test ! -w $(@D) || touch $@

$(VENV)/.installed-dev: envs/requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements-dev.txt -c envs/constraints.txt
	@test ! -w $(@D) || touch $@

demo: $(VENV)/.installed ## run the planted study and print what it found
	ATLAS_HEADLINE=later $(BIN)/snakemake --cores $(CORES)
	@$(MAKE) --no-print-directory report STUDY=planted CONFIG=
	@$(BIN)/python -m workflow_scripts.run.headline results/planted

report: $(VENV)/.installed ## write the report of a finished study (STUDY=x or CONFIG=configs/x.yaml)
	@test -d $(FOLDER)/report || { echo $(FOLDER)"/report is not there: run the study first, or name it (make report STUDY=x)"; exit 1; }
	@test -n $(call quoted,$(CONFIG)) || test -f $(FOLDER)/.state/options || test $(FOLDER) = results/planted || { echo "what "$(FOLDER)" was run with is not noted: name its config (make report CONFIG=configs/x.yaml)"; exit 1; }
	@$(call write_report,$(FOLDER),$(OPTIONS))

status: $(VENV)/.installed ## how far a study is, also while it runs (CONFIG=configs/x.yaml)
	$(check_study)
	@$(BIN)/python -m workflow_scripts.run.status $(CONFIGFILE)

# Before the targets of Snakemake stands --: a config file more would be read otherwise.
publish: $(VENV)/.installed ## put a finished study into a folder to share (CONFIG=configs/x.yaml)
	$(check_study)
	$(BIN)/snakemake --cores $(CORES) $(CONFIGFILE) -- publish

validate: $(VENV)/.installed ## run every check of a study and hold it to its bar (CONFIG=configs/x.yaml)
	$(check_study)
	@$(BIN)/snakemake --cores $(CORES) $(CONFIGFILE) -- validate

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
	$(BIN)/pytest -m "not slow" -n 2 --no-loadscope-reorder

test-all: test ## the long tests too: real text, the demo's bars, bergson's own commands
	$(BIN)/pytest -m slow tests/slurm
	$(BIN)/pytest -m slow -n 2 --no-loadscope-reorder --ignore tests/slurm

matrix: $(VENV)/.installed ## every table and figure that an existing bin matrix allows (FILE=matrix.csv STUDY=x)
	@test -n $(call quoted,$(value FILE)) || { echo "name the matrix: make matrix FILE=path/to/matrix.csv (topic, format, one column a benchmark)"; exit 1; }
	@study=$$($(BIN)/python -m workflow_scripts.influence.matrix.matrix_study $(if $(filter file,$(origin STUDY)),,--study $(call quoted,$(value STUDY))) -- $(call quoted,$(value FILE))) && \
	ATLAS_HEADLINE=later $(BIN)/snakemake --cores $(CORES) --configfile "results/$$study/.state/matrix.yaml" && \
	$(call write_report,"results/$$study",--configfile "results/$$study/.state/matrix.yaml") && \
	$(BIN)/python -m workflow_scripts.run.headline "results/$$study"

bench: $(VENV)/.installed ## cost of the document pass and of an unlearning step against plain passes, and of the draw (STUDY=x)
	$(BIN)/python -m workflow_scripts.tools.bench.measure_pass $(FOLDER)
	$(BIN)/python -m workflow_scripts.tools.bench.measure_step $(FOLDER)
	$(BIN)/python -m workflow_scripts.tools.bench.measure_sampling --millions 5

# A study that is named must be finished; the planted one is taken where it is.
bench-gpu: $(VENV)/.installed ## what a GPU makes of passes, steps and questions, in eight minutes (STUDY=x)
	$(BIN)/python -m workflow_scripts.tools.bench_gpu $(if $(filter file,$(origin STUDY)),$(patsubst %/model/model.json,%,$(wildcard results/planted/model/model.json)),$(FOLDER))

lds: CONFIG ?= configs/lds.yaml
lds: $(VENV)/.installed ## retrain small models on halves of the bins and score every map by them (an hour or two; CONFIG=configs/x.yaml)
	$(check_study)
	$(BIN)/snakemake --cores $(CORES) $(CONFIGFILE) -- lds
	@$(BIN)/python -m workflow_scripts.validation.retraining.show_lds $(CONFIGFILE)

power: $(VENV)/.installed ## what difference a study's unlearning can detect, before it is run (CONFIG=configs/x.yaml)
	$(check_study)
	@$(BIN)/python -m workflow_scripts.unlearning.effects.power $(CONFIGFILE)

simulate: $(VENV)/.installed ## coverage, false discoveries and power of the bin statistics, also in worlds that can break them, into docs/simulation (worlds that are there are kept; from nothing an hour and a half on one core)
	@OMP_NUM_THREADS=1 $(BIN)/python -m workflow_scripts.simulation.simulate

hard-seeds: SEEDS ?= 101..110
hard-seeds: $(VENV)/.installed ## run unseen seeds of the hard planted world, into docs/simulation/hard_seeds.csv (ten minutes a seed on one core; SEEDS=101..110)
	@$(BIN)/python -m workflow_scripts.simulation.hard_seeds --seeds $(call quoted,$(value SEEDS))

check-benchmark: $(VENV)/.installed ## print a benchmark's first question as it is scored, or what is wrong with it (NAME=x CONFIG=configs/x.yaml)
	$(check_study)
	@test -n $(call quoted,$(value NAME)) || { echo "name the benchmark: make check-benchmark NAME=x (benchmarks/x.yaml)"; exit 1; }
	@$(BIN)/python -m workflow_scripts.benchmarks.sheet.check_benchmark $(CONFIGFILE) -- $(call quoted,$(value NAME))

plan: $(VENV)/.installed ## print what a study will cost before it is run (CONFIG=configs/x.yaml)
	$(check_study)
	@$(BIN)/python -m workflow_scripts.preflight.show_plan $(CONFIGFILE)

docs: $(VENV)/.installed ## write the reference pages from the schemas
	$(BIN)/python -m workflow_scripts.tools.reference_pages
	$(BIN)/python -m workflow_scripts.simulation.page_tables

graph: $(VENV)/.installed ## draw the graph of rules and the rooms of the code, into docs/images
	$(BIN)/snakemake --rulegraph dot | $(BIN)/python -m workflow_scripts.tools.rule_graph docs/images/rules.png
	$(BIN)/python -m workflow_scripts.tools.room_graph docs/images/rooms.png

clean: ## delete the results of the planted study
	rm -rf results/planted
