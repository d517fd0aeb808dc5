"""Size of a study when it is planned: documents, tokens, rows, questions, runs.

Documents come from :mod:`~workflow_scripts.preflight.costs.corpus_size`; an unknown mean length is
taken to be ``corpus.max_tokens``, an upper bound.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow_scripts.benchmarks.definitions import (
    Definition,
    load_definition,
    matrix_definitions,
)
from workflow_scripts.common.config.siblings import siblings
from workflow_scripts.corpus.planted.hard_world import question_number
from workflow_scripts.preflight.costs.corpus_size import BYTES_PER_TOKEN, corpus_size
from workflow_scripts.preflight.costs.model_shape import ModelShape, shape_of
from workflow_scripts.preflight.costs.question_count import question_count

# Tokens of a question with one of its answers; in the planted world (measured: 30).
QUESTION_TOKENS, PLANTED_QUESTION_TOKENS = 100, 30
# Steps of an arm of the planted study, of the many that it may take: its doses are reached soon.
PLANTED_STEPS = 40
BYTES = {"float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Sizes:
    """Sizes of a study; every number is of the whole study unless its name says otherwise.

    Attributes:
        config: the complete configuration.
        shape: of the model.
        definitions: of the benchmarks, by name.
        bins: topic x format bins that can hold documents.
        documents: in the working set.
        mean_tokens: of a document, after the cut at ``max_tokens``.
        source_documents: in the source, before the draw.
        origin: where documents and bins come from, in words.
    """

    config: Mapping[str, Any]
    shape: ModelShape
    definitions: Mapping[str, Definition]
    bins: int
    documents: int
    mean_tokens: int
    source_documents: int
    origin: str

    @property
    def tokens(self) -> int:
        """Tokens of the working set."""
        return self.documents * self.mean_tokens

    @property
    def text_bytes(self) -> float:
        """Bytes of the working set's text."""
        return self.tokens * BYTES_PER_TOKEN

    @property
    def parts(self) -> int:
        """Groups of source files."""
        return self.config["corpus"]["parts"]

    @property
    def shards(self) -> int:
        """Pieces of the working set."""
        return self.config["corpus"]["shards"]

    @property
    def width(self) -> int:
        """Entries of a gradient row: projections x modules x p x p."""
        return self.projections * self.shape.modules * self.block

    @property
    def projections(self) -> int:
        """Independent projections of each gradient."""
        return self.config["attribution"]["projections"]

    @property
    def block(self) -> int:
        """Entries of one module's projected gradient, p x p."""
        return self.config["attribution"]["projection_dim"] ** 2

    @property
    def groups(self) -> int:
        """Occupied (bin, fold) groups of all sketches; a bin cut by a shard counts twice."""
        folds = min(self.config["corpus"]["folds"], self.config["corpus"]["documents_per_bin"])
        return (self.bins + self.shards - 1) * folds

    @property
    def shard_groups(self) -> int:
        """Occupied groups of one shard."""
        return math.ceil(self.groups / self.shards)

    @property
    def row_bytes(self) -> int:
        """Bytes of one stored document row."""
        return self.width * BYTES[self.config["attribution"]["row_dtype"]]

    @property
    def weight_bytes(self) -> int:
        """Bytes of the model's weights in the precision of the study."""
        return self.shape.parameters * BYTES[self.config["model"]["precision"]]

    @property
    def query_model(self) -> bool:
        """True if another model gives the gradients of the questions."""
        return bool(self.config["model"]["query"]["path"])

    @property
    def siblings(self) -> int:
        """Other trainings of the model whose maps are compared."""
        return len(siblings(self.config))

    @property
    def on_gpu(self) -> bool:
        """True if the model runs on a GPU."""
        return self.config["model"]["device"] != "cpu"

    @property
    def fitted_documents(self) -> int:
        """Documents that fit the preconditioner."""
        wanted = self.config["attribution"]["preconditioner_documents"] or 20 * self.block
        return min(self.documents, wanted)

    @property
    def keep_rows(self) -> bool:
        """True if document rows are kept."""
        return self.config["attribution"]["rows"] == "keep"

    @property
    def matrix(self) -> bool:
        """True if an existing matrix takes the place of corpus, model and attribution."""
        return bool(self.config["influence"]["matrix"])

    @property
    def planted(self) -> list[str]:
        """Benchmarks of the study whose truth is planted."""
        if self.config["corpus"]["source"] != "planted" or self.matrix:
            return []
        known = self.config["corpus"]["planted"]["benchmarks"]
        return [name for name in self.config["benchmarks"] if name in known]

    def questions(self, benchmark: str) -> int:
        """Questions of a benchmark: planted, counted in its files, or stated."""
        if benchmark in self.planted:
            world = self.config["corpus"]["planted"]
            return question_number(world["world"], benchmark, world["questions_per_benchmark"])
        return question_count(self.definitions[benchmark], self.config)

    @property
    def question_tokens(self) -> int:
        """Tokens of a question together with one of its answers."""
        planted = self.config["corpus"]["source"] == "planted"
        usual = PLANTED_QUESTION_TOKENS if planted else QUESTION_TOKENS
        return self.config["preflight"]["question_tokens"] or usual

    @property
    def steps(self) -> int:
        """Steps of unlearning to expect of an arm: all that it may take, but in a planted study."""
        most = self.config["unlearning"]["max_steps"]
        return min(most, PLANTED_STEPS) if self.config["corpus"]["source"] == "planted" else most

    @property
    def all_questions(self) -> int:
        """Questions of all benchmarks."""
        return sum(map(self.questions, self.config["benchmarks"]))

    @property
    def most_questions(self) -> int:
        """Questions of the largest benchmark."""
        return max(map(self.questions, self.config["benchmarks"]))

    @property
    def forgotten(self) -> list[str]:
        """Benchmarks with unlearning."""
        return [] if self.matrix else self.config["unlearning"]["benchmarks"]

    @property
    def topics(self) -> int:
        """Topics that are forgotten for each of them."""
        return len(self.config["unlearning"]["topics"])

    @property
    def seeds(self) -> int:
        """Seeds of unlearning."""
        return len(self.config["seeds"]["unlearning"])

    @property
    def arms(self) -> int:
        """Arms of a run: targeted and what it is compared with."""
        return 1 + len(self.config["unlearning"]["arms"])

    @property
    def cross_fitted(self) -> list[str]:
        """Benchmarks whose documents are chosen by halves of the questions, too."""
        return self.forgotten[: self.config["unlearning"]["cross_fit"]["benchmarks"]]

    @property
    def cross_topics(self) -> int:
        """Topics of each of them."""
        return min(self.config["unlearning"]["cross_fit"]["topics"] or self.topics, self.topics)

    @property
    def cross_seeds(self) -> int:
        """Seeds of each of those."""
        return min(self.config["unlearning"]["cross_fit"]["seeds"] or self.seeds, self.seeds)

    @property
    def control(self) -> bool:
        """True if documents of any topic are forgotten too."""
        return bool(self.forgotten) and self.config["unlearning"]["control"]

    @property
    def adapter_bytes(self) -> int:
        """Bytes of the trainable weights saved at one dose, float32."""
        settings = self.config["unlearning"]
        full = settings["parameters"] == "full"
        return 4 * (self.shape.parameters if full else settings["rank"] * self.shape.sides)

    @property
    def doses(self) -> int:
        """Doses at which an adapter is saved."""
        return len(self.config["unlearning"]["doses"])


def sizes_of(config: Mapping[str, Any]) -> Sizes:
    """Sizes of a study.

    Args:
        config: the complete configuration.

    Raises:
        ConfigError: a benchmark's definition is wrong, or the model's size is not known.
    """
    if config["influence"]["matrix"]:
        definitions = matrix_definitions(config["benchmarks"])
    else:
        definitions = {name: load_definition(name) for name in config["benchmarks"]}
    size, longest = corpus_size(config), config["corpus"]["max_tokens"]
    return Sizes(
        config=config,
        shape=shape_of(config),
        definitions=definitions,
        bins=size.bins,
        documents=size.documents,
        mean_tokens=min(size.mean_tokens or longest, longest),
        source_documents=max(size.documents, size.source_documents),
        origin=size.origin,
    )
