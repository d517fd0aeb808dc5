"""The only module that imports bergson: per-document projected gradients, streamed to a sink.

bergson 2.5.1 hooks every linear layer of ``model.base_model`` (not embeddings, norms or the
head), forms the gradient G of each document's loss and projects it on two sides,
``L G R^T`` with p x p entries. We hand it a scorer object, which receives each batch's
projected gradients, and do everything else ourselves: the scorer is the narrowest seam it
has, and with it no index is written. Its collector projects once; ours asks it for several
independent pairs of matrices in the same backward pass.

Traps of the library that are closed here, each held by a test:

- ``SLURM_NODEID`` other than 0 makes its own commands exit 0 after doing nothing, so the node
  rank is fixed and the rank variables are removed for the time of a pass.
- Its mean loss counts tokens in the model's precision, and bfloat16 cannot count beyond 256,
  so the loss is always the sum; dividing by the token count is the caller's.
- Rows shorter than two tokens are left out silently, rows without labels come back as zero,
  and a row longer than a batch fails deep inside; all are refused here by number.
- A folder of results without a commit mark looks finished, so its folder is a temporary one.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bergson
import datasets
import numpy as np
import torch
from bergson import GradientCollector
from bergson.collector.collector import CollectorComputer
from bergson.config import IndexConfig
from bergson.config.config import DistributedConfig
from bergson.data import allocate_batches
from bergson.gradients import GradientProcessor
from bergson.utils.worker_utils import processor_for
from datasets import Dataset, load_from_disk
from transformers import PreTrainedModel

from workflow_scripts.attribution.in_place import let_outputs_be_changed
from workflow_scripts.common.errors import DataError, NumericsError
from workflow_scripts.common.random_streams import stable_hash
from workflow_scripts.model.layers import check_layers
from workflow_scripts.model.pretrained_folder import longest_sequence

datasets.disable_progress_bars()

RANK_VARIABLES = ("SLURM_NODEID", "GROUP_RANK", "NODE_RANK", "LOCAL_RANK", "RANK")
VERSION = bergson.__version__
IGNORED = -100
# Float32 rows of one batch: many short documents fill a batch of tokens with more rows than a GPU
# has room for. A model of 7B at p = 16 has rows of 229 kB, so 1,170 documents a batch at most.
ROW_BYTES = 2**28

# Receives row numbers and their raw projected gradients (n, modules, p * p) float32.
Sink = Callable[[list[int], torch.Tensor], None]


@dataclass(frozen=True)
class Sequences:
    """Token sequences and which of their tokens carry the loss.

    Attributes:
        input_ids: token ids of each sequence.
        start: first token of each sequence whose prediction counts; 1 for a whole document
            (the first token has no context), the first answer token for a query.
    """

    input_ids: Sequence[Sequence[int]]
    start: Sequence[int] | None = None

    def labels(self) -> list[list[int]] | None:
        """Labels as bergson wants them: token ids, -100 where the loss does not count."""
        if self.start is None:
            return None
        pairs = zip(self.input_ids, self.start, strict=True)
        return [[IGNORED] * first + list(ids[first:]) for ids, first in pairs]

    def label_counts(self) -> np.ndarray:
        """(n,) int64; tokens of each sequence that carry the loss."""
        first = self.start if self.start is not None else [1] * len(self.input_ids)
        pairs = zip(self.input_ids, first, strict=True)
        return np.array([len(ids) - max(begin, 1) for ids, begin in pairs], dtype=np.int64)


class GradientEngine:
    """Streams projected gradients of one model.

    Attributes:
        layers: names of the linear layers, in the order of the model.
        modules: names of the blocks of a row: the layers under the first projection, then those
            under the next (``<layer>@1``).
        block: entries of one layer's projected gradient, p * p.
        projections: independent projections, n.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        projection_dim: int,
        projection_seed: int,
        projections: int = 1,
    ) -> None:
        """Freeze ``model`` and find its linear layers.

        Args:
            model: a causal language model, on one device or split over several; left with the
                gradient of its smallest parameter only, so that no weight gradient is formed.
            projection_dim: p.
            projection_seed: seed of the projection matrices (counter based: the same on any
                machine and for any weights).
            projections: n, how many pairs of matrices each gradient is projected with.

        Raises:
            ConfigError: the architecture is one whose layers the library cannot read.
        """
        _let_activations_alone_carry_gradients(model)
        self.model = model
        self.projection_dim, self.projection_seed = projection_dim, projection_seed
        self.projections = projections
        self.layers = tuple(GradientCollector.discover_targets(model.base_model))
        self.modules = tuple(
            module_name(layer, number) for number in range(projections) for layer in self.layers
        )
        self.block = projection_dim**2
        check_layers(model, self.layers)
        let_outputs_be_changed(model, self.layers)

    def stream(self, sequences: Sequences, sink: Sink, tokens_per_batch: int) -> np.ndarray:
        """Run forward and backward over all sequences and hand each batch's rows to ``sink``.

        Args:
            sequences: what to run over; batches are made of sequences of like length.
            sink: called once per batch; every row reaches it exactly once.
            tokens_per_batch: padded tokens in a batch.

        Returns:
            (n,) float32; loss of each sequence in nats, summed over its labelled tokens.

        Raises:
            DataError: a sequence is too short, too long or has no labelled token.
            NumericsError: a row did not reach the sink, or a gradient is not finite.
        """
        lengths = [len(ids) for ids in sequences.input_ids]
        self._check(lengths, sequences.label_counts(), tokens_per_batch)
        scorer = _Rows(self.modules, self.block, sink, self.model.device)
        with tempfile.TemporaryDirectory(prefix="atlas-pass-") as folder:
            made = self._collect(sequences, lengths, tokens_per_batch, Path(folder), scorer)
            losses = np.asarray(load_from_disk(str(made / "data.hf"))["loss"], dtype=np.float32)
        if scorer.rows != len(lengths):
            raise NumericsError(f"{scorer.rows} of {len(lengths)} gradient rows were computed")
        return losses

    def build(self, sequences: Sequences, folder: Path, tokens_per_batch: int) -> Path:
        """Let the library write its own index of the raw rows: what the pass is compared with.

        Its index knows one projection, the first.

        Returns:
            A folder with ``gradients.bin``, (n, modules * p * p) in the model's precision.
        """
        lengths = [len(ids) for ids in sequences.input_ids]
        return self._collect(sequences, lengths, tokens_per_batch, folder, None)

    def _collect(
        self,
        sequences: Sequences,
        lengths: list[int],
        tokens_per_batch: int,
        folder: Path,
        scorer: "_Rows | None",
    ) -> Path:
        seeds = projection_seeds(self.projection_seed, self.projections if scorer else 1)
        config, *others = (self._config(folder, tokens_per_batch, seed) for seed in seeds)
        config.partial_run_path.mkdir(parents=True)
        data, batches = _dataset(sequences, lengths), batches_of(lengths, tokens_per_batch, self)
        with _single_rank():
            collector = _Collector(
                model=self.model.base_model,
                cfg=config,
                processor=processor_for(config),
                others=[processor_for(other) for other in others],
                data=data,
                scorer=scorer,
            )
            CollectorComputer(
                model=self.model, data=data, collector=collector, batches=batches, cfg=config
            ).run_with_collector_hooks(desc="gradients")
        return config.partial_run_path

    def _config(self, folder: Path, tokens_per_batch: int, seed: int) -> IndexConfig:
        return IndexConfig(
            run_path=str(folder / "pass"),
            projection_dim=self.projection_dim,
            projection_seed=seed,
            token_batch_size=tokens_per_batch,
            loss_reduction="sum",
            distributed=DistributedConfig(nnode=1, nproc_per_node=1, node_rank=0),
        )

    def _check(self, lengths: list[int], label_counts: np.ndarray, tokens_per_batch: int) -> None:
        limit = longest_sequence(self.model.config) or tokens_per_batch
        for row, length in enumerate(lengths):
            if length < 2:
                raise DataError(f"row {row} has {length} tokens; a gradient needs at least 2")
            if length > min(limit, tokens_per_batch):
                raise DataError(
                    f"row {row} has {length} tokens; attribution.tokens_per_batch allows "
                    f"{tokens_per_batch} and the model {limit}"
                )
            if label_counts[row] < 1:
                raise DataError(f"row {row} has no token that carries a loss")


def module_name(layer: str, number: int) -> str:
    """Name of a layer's block under projection ``number``; under the first the layer's own."""
    return f"{layer}@{number}" if number else layer


def projection_seeds(seed: int, projections: int) -> list[int]:
    """Seeds of independent projections: ``seed`` itself, then numbers drawn from it."""
    others = (stable_hash(seed, "projection", number) for number in range(1, projections))
    return [seed, *(other % 2**32 for other in others)]


def batches_of(
    lengths: Sequence[int], tokens_per_batch: int, engine: GradientEngine
) -> list[list[int]]:
    """Row numbers of each batch: rows of like length, bounded in padded tokens and in rows."""
    most = max(1, ROW_BYTES // (4 * len(engine.modules) * engine.block))
    return allocate_batches(list(lengths), tokens_per_batch, max_batch_size=most)


@dataclass(kw_only=True)
class _Collector(GradientCollector):
    """The library's collector, asked once for each projection.

    Attributes:
        others: processors of the projections after the first.
    """

    others: Sequence[GradientProcessor] = ()

    def __post_init__(self) -> None:
        """Put the first projection in front of the others."""
        self.processors = [self.processor, *self.others]
        super().__post_init__()

    def forward_hook(self, module: torch.nn.Module, a: torch.Tensor) -> None:
        """Keep the layer's input under each projection."""
        inputs = []
        for processor in self.processors:
            self.processor = processor
            super().forward_hook(module, a)
            inputs.append(module._inputs)
        module._inputs = inputs

    def backward_hook(self, module: torch.nn.Module, g: torch.Tensor) -> None:
        """Form the layer's gradient under each projection, the first last: it keeps the name."""
        layer, inputs = module._name, module._inputs
        for number in reversed(range(len(self.processors))):
            self.processor, module._inputs = self.processors[number], inputs[number]
            super().backward_hook(module, g)
            if number:
                self.mod_grads[module_name(layer, number)] = self.mod_grads.pop(layer)


class _Rows:
    """The scorer that bergson calls with every batch's gradients."""

    streaming = False

    def __init__(
        self, modules: tuple[str, ...], block: int, sink: Sink, device: torch.device
    ) -> None:
        self.modules, self.block, self.sink, self.device = modules, block, sink, device
        self.rows = 0

    @torch.inference_mode()
    def __call__(self, indices: list[int], gradients: dict[str, torch.Tensor]) -> None:
        shape = len(indices), self.block
        # The layers of a model split over several GPUs leave their gradients on their own GPU.
        blocks = [gradients[name].reshape(shape).to(self.device) for name in self.modules]
        rows = torch.stack(blocks, dim=1).float()  # (n, modules, p * p)
        finite = torch.isfinite(rows).all(dim=(1, 2))
        if not finite.all():
            bad = indices[int((~finite).nonzero()[0])]
            raise NumericsError(
                f"the gradient of row {bad} is not finite ({int((~finite).sum())} of "
                f"{len(indices)} rows of its batch); use model.precision float32"
            )
        self.sink(indices, rows)
        self.rows += len(indices)


def _let_activations_alone_carry_gradients(model: PreTrainedModel) -> None:
    """Freeze all but the smallest parameter, and begin the backward graph at the embeddings.

    A trainable embedding would begin it too, at the price of its gradient in every batch: the
    size of the vocabulary, and where head and embedding are tied a third of the head's work. The
    library wants some trainable parameter, so one norm or bias keeps its gradient.
    """
    model.requires_grad_(False)
    min(model.base_model.parameters(), key=torch.Tensor.numel).requires_grad_(True)
    if not hasattr(model, "_atlas_hook"):
        model._atlas_hook = model.get_input_embeddings().register_forward_hook(
            lambda module, inputs, output: output.requires_grad_(torch.is_grad_enabled())
        )


def _dataset(sequences: Sequences, lengths: list[int]) -> Dataset:
    columns = {"input_ids": [list(ids) for ids in sequences.input_ids], "length": lengths}
    labels = sequences.labels()
    return Dataset.from_dict(columns if labels is None else columns | {"labels": labels})


@contextlib.contextmanager
def _single_rank() -> Iterator[None]:
    """Hide the rank variables of a cluster and the library's own log lines during a pass."""
    hidden = {name: os.environ.pop(name) for name in RANK_VARIABLES if name in os.environ}
    library = logging.getLogger("CollectorComputer")
    library.disabled = True
    try:
        yield
    finally:
        os.environ.update(hidden)
        library.disabled = False
