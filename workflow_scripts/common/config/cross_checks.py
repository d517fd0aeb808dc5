"""Cross-field constraints of the configuration."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from workflow_scripts.common.config.siblings import model_seeds
from workflow_scripts.common.errors import ConfigError, nearest
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.unlearning.arms import OTHER, tested_contrasts

# A place in the order of a benchmark's topics, for unlearning: top01 is the topic of highest
# influence, known only once the map is.
SLOT = re.compile(r"top(0[1-9]|1\d|2[0-4])")
# Fewer words in a row than this are no sign that a document holds a question.
FEWEST_WORDS = 4


def check_relations(config: Mapping[str, Any]) -> None:
    """Check what holds between keys.

    Raises:
        ConfigError: two keys contradict each other.
    """
    corpus, model, source = config["corpus"], config["model"], config["corpus"]["source"]
    if source in ("files", "dolma") and not corpus[source]["documents"]:
        raise ConfigError(
            f"config key 'corpus.{source}.documents' is empty, but corpus.source is {source!r}; "
            "list the files that hold the documents"
        )
    section = corpus[source]
    columns = section.get("columns", section)
    for kind in ("topic", "format"):
        if columns.get(kind) == "" and not corpus["annotate"][f"{kind}_model"]:
            raise ConfigError(
                f"the {kind} of a document stands nowhere: name its place in the columns of "
                f"corpus.{source}, or a classifier in 'corpus.annotate.{kind}_model'"
            )
    if model["source"] == "pretrained" and not model["pretrained"]["path"]:
        raise ConfigError(
            "config key 'model.pretrained.path' is empty, but model.source is 'pretrained'; "
            "give a local folder or a hub id with a pinned revision"
        )
    if model["precision"] == "tf32" and model["device"] == "cpu":
        raise ConfigError(
            "config key 'model.precision' is 'tf32', but model.device is 'cpu'; tf32 is arithmetic "
            "of GPUs: use 'float32', or device 'cuda' or 'auto'"
        )
    tasks, batch = model["train"]["tasks"], model["train"]["batch_size"]
    if model["source"] == "train" and tasks > batch:
        raise ConfigError(
            f"config key 'model.train.tasks' is {tasks}, above model.train.batch_size ({batch}); a "
            "task without documents has nothing to do"
        )
    positions = model["train"]["max_positions"]
    if model["source"] == "train" and positions < corpus["max_tokens"]:
        raise ConfigError(
            f"config key 'model.train.max_positions' is {positions}, below corpus.max_tokens "
            f"({corpus['max_tokens']}); raise it or lower the other"
        )
    tokens = config["attribution"]["tokens_per_batch"]
    if tokens < corpus["max_tokens"]:
        raise ConfigError(
            f"config key 'attribution.tokens_per_batch' is {tokens}, below corpus.max_tokens "
            f"({corpus['max_tokens']}); a batch must hold at least one document"
        )
    retraining = config["validation"]["retraining"]
    if retraining["subsets"] % retraining["subsets_per_job"]:
        raise ConfigError(
            f"config key 'validation.retraining.subsets' is {retraining['subsets']}; allowed: a "
            f"multiple of 'validation.retraining.subsets_per_job' ({retraining['subsets_per_job']})"
        )
    _check_siblings(config)
    _check_validation(config)
    if config["unlearning"]["benchmarks"]:
        _check_unlearning(config)
    if corpus["parts"] > 4 and source == "planted":
        raise ConfigError(
            f"config key 'corpus.parts' is {corpus['parts']}; the planted world has 4 files, "
            "so allowed: 1 to 4"
        )


def _check_siblings(config: Mapping[str, Any]) -> None:
    """Check what holds between the study's model and its siblings.

    Raises:
        ConfigError: the siblings are not of the kind of the model, or one comes twice.
    """
    model, seeds = config["model"], model_seeds(config)
    named = model["siblings"]
    if model["source"] == "train" and named:
        raise ConfigError(
            f"config key 'model.siblings' names {named[0]['path']!r}, but model.source is 'train'; "
            "list the seeds of further trainings in 'seeds.model' instead"
        )
    if model["source"] == "pretrained" and len(seeds) > 1:
        raise ConfigError(
            f"config key 'seeds.model' lists {len(seeds)} seeds, but model.source is 'pretrained', "
            "which is trained already; name its other trainings in 'model.siblings' instead"
        )
    every = (model["pretrained"], *named)
    known = [(each["path"].rstrip("/"), each.get("revision", "")) for each in every]
    for place, each in enumerate(known):
        if place and each in known[:place]:
            raise ConfigError(
                f"config key 'model.siblings' names {each[0]!r} twice, or the study's own model; "
                "each must be another training"
            )
    if model["query"]["path"] and (named or len(seeds) > 1):
        raise ConfigError(
            "config key 'model.query.path' names one model for the questions, which cannot belong "
            "to several trainings; empty it, or have one model"
        )


def _check_validation(config: Mapping[str, Any]) -> None:
    """Check what holds between the keys of validation and the others.

    Raises:
        ConfigError: two keys contradict each other.
    """
    settings, seed = config["validation"], config["seeds"]["projection"]
    if 0 < settings["leakage_ngram"] < FEWEST_WORDS:
        raise ConfigError(
            f"config key 'validation.leakage_ngram' is {settings['leakage_ngram']}; fewer words in "
            f"a row are no sign of a question: allowed are 0 (no search) and {FEWEST_WORDS} or more"
        )
    if settings["projection"] and settings["projection_seed"] == seed:
        raise ConfigError(
            f"config key 'validation.projection_seed' is {seed}, as is 'seeds.projection'; the "
            "second projection must be another one: leave it out for the one after the first"
        )
    if settings["embedding"]["path"] and "embedding" not in settings["scorers"]:
        raise ConfigError(
            "config key 'validation.embedding.path' names an encoder, but 'validation.scorers' "
            "lacks 'embedding'; add it there, or empty the path"
        )


def _check_unlearning(config: Mapping[str, Any]) -> None:
    """Check the cross-field constraints of unlearning.

    Raises:
        ConfigError: two keys contradict each other, or a topic is unknown.
    """
    settings, known = config["unlearning"], config["benchmarks"]
    if "control" in known:
        raise ConfigError(
            "config key 'benchmarks' names 'control', which is the name of unlearning's global "
            "control in every table; rename the benchmark"
        )
    for name in settings["benchmarks"]:
        if name not in known:
            raise ConfigError(
                f"config key 'benchmarks' ({', '.join(known)}) lacks {name!r}, which "
                "'unlearning.benchmarks' names; they must agree, and [] there means no "
                f"unlearning{nearest(name, known)}"
            )
    _check_arms(config)
    _check_registration(settings)
    _check_topics(config)
    _check_set_sizes(config)
    if config["attribution"]["rows"] != "keep":
        raise ConfigError(
            f"config key 'attribution.rows' is {config['attribution']['rows']!r}, but unlearning "
            "chooses documents by their scores; set it to 'keep', or empty unlearning.benchmarks"
        )
    doses = settings["doses"]
    if doses != sorted(doses):
        raise ConfigError(
            f"config key 'unlearning.doses' is {doses}; a run passes them in turn, so they must "
            "increase"
        )


def _check_registration(settings: Mapping[str, Any]) -> None:
    """Check that what is registered as primary will be measured.

    Raises:
        ConfigError: names the key and what is allowed.
    """
    named, place = settings["registration"], "config key 'unlearning.registration"
    for name in named["benchmarks"]:
        if name not in settings["benchmarks"]:
            raise ConfigError(
                f"{place}.benchmarks' names {name!r}; allowed: those of unlearning.benchmarks, "
                f"{', '.join(settings['benchmarks'])}"
            )
    if named["dose"] and named["dose"] not in settings["doses"]:
        allowed = ", ".join(f"{dose:g}" for dose in settings["doses"])
        raise ConfigError(
            f"{place}.dose' is {named['dose']:g}; allowed: 0 (the largest above chance), {allowed}"
        )
    tested = tested_contrasts(settings["arms"], settings["control"])
    if named["contrast"] not in tested:
        raise ConfigError(
            f"{place}.contrast' is {named['contrast']!r}; allowed: what these 'unlearning.arms' "
            f"test, {', '.join(tested)}"
        )


def _check_arms(config: Mapping[str, Any]) -> None:
    """Check what the targeted documents are compared with.

    Raises:
        ConfigError: names the key and what is allowed.
    """
    settings, benchmarks = config["unlearning"], config["benchmarks"]
    if "random" not in settings["arms"]:
        raise ConfigError(
            f"config key 'unlearning.arms' is {settings['arms']}; it lacks 'random', which the "
            "primary difference is taken from: add it (what 'random' was before, controls of low "
            "influence, is 'low')"
        )
    other = settings["other_benchmark"]
    if other and other not in benchmarks:
        raise ConfigError(
            f"config key 'unlearning.other_benchmark' is {other!r}; allowed: "
            f"{', '.join(benchmarks)}{nearest(other, benchmarks)}"
        )
    if other and OTHER not in settings["arms"]:
        raise ConfigError(
            f"config key 'unlearning.other_benchmark' is {other!r}, but 'unlearning.arms' lacks "
            f"{OTHER!r}, the arm that it is for: add the arm, or empty the key"
        )
    if other and other in settings["benchmarks"]:
        raise ConfigError(
            f"config key 'unlearning.other_benchmark' is {other!r}, which is one of "
            "'unlearning.benchmarks': documents of highest influence on the target itself are the "
            "targeted ones; name another benchmark, or empty the key for the next one of the study"
        )
    if OTHER in settings["arms"] and not other and len(benchmarks) < 2:
        raise ConfigError(
            "config key 'unlearning.arms' names 'other', but there is one benchmark alone; leave "
            "that arm out"
        )


def _check_topics(config: Mapping[str, Any]) -> None:
    """Check the topics to forget: labels or slots, of a world that has them.

    Raises:
        ConfigError: names the topic and what is allowed.
    """
    named, world = config["unlearning"]["topics"], _world(config, "topics", TOPICS)
    for topic in named:
        if topic in TOPICS and topic not in world:
            raise ConfigError(
                f"config key 'unlearning.topics' names {topic!r}, which is not among "
                f"'corpus.planted.topics'; allowed: {', '.join(world)}"
            )
        if topic not in TOPICS and not SLOT.fullmatch(topic):
            raise ConfigError(
                f"config key 'unlearning.topics' names {topic!r}; allowed: top01 to top24 or a "
                f"topic label{nearest(topic, list(TOPICS))}"
            )
        if topic not in TOPICS and int(topic.removeprefix("top")) > len(world):
            raise ConfigError(
                f"config key 'unlearning.topics' names {topic!r}, but the planted world has "
                f"{len(world)} topics; allowed: top01 to top{len(world):02d}"
            )
    labels = [topic for topic in named if topic in TOPICS]
    if labels and len(labels) < len(named):
        slot = next(topic for topic in named if topic not in TOPICS)
        raise ConfigError(
            f"config key 'unlearning.topics' names the slot {slot!r} and the label {labels[0]!r}; "
            "they may turn out to be the same topic, known only once the map is: use slots alone "
            "or labels alone"
        )


def _check_set_sizes(config: Mapping[str, Any]) -> None:
    """Check that a topic, and the working set, can hold the sets that unlearning asks for.

    A topic's documents are at most those that are drawn in its bins. Its controls come from the
    lowest ``control_share`` of them, which the bottom set has to leave room for.

    Raises:
        ConfigError: names the key, the limit and what to do.
    """
    settings, drawn = config["unlearning"], config["corpus"]["documents_per_bin"]
    formats = len(_world(config, "formats", FORMATS))
    held, asked = drawn * formats, settings["documents"]
    lower = round(settings["control_share"] * held)
    most = min(held // 3, lower // 2, held - lower)
    if asked > most:
        raise ConfigError(
            f"config key 'unlearning.documents' is {asked}; a topic has at most {held} documents "
            f"('corpus.documents_per_bin' {drawn} x {formats} formats), room for three sets of "
            f"{most} with 'unlearning.control_share' {settings['control_share']:g}: lower it to "
            f"{most}, or raise corpus.documents_per_bin"
        )
    left = held * len(_world(config, "topics", TOPICS)) - 3 * asked
    if settings["retain_documents"] > left:
        raise ConfigError(
            f"config key 'unlearning.retain_documents' is {settings['retain_documents']}; the "
            f"working set has at most {left} documents besides the three forget sets of "
            f"unlearning.documents ({asked}): lower it to {left}, or raise corpus.documents_per_bin"
        )


def _world(config: Mapping[str, Any], kind: str, known: Sequence[str]) -> Sequence[str]:
    """Topics or formats that can hold documents: all, unless the planted world has fewer."""
    corpus = config["corpus"]
    return (corpus["source"] == "planted" and corpus["planted"][kind]) or known
