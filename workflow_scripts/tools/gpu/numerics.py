"""The numerics gate at full size: cosine of rows in reduced precision to float32 rows."""

import torch

from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences
from workflow_scripts.attribution.whitening import unit
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import choose_arithmetic, load_model
from workflow_scripts.tools.bench.measure_pass import random_model, random_shard
from workflow_scripts.tools.gpu.passes import DIM, SEED
from workflow_scripts.tools.gpu.rows import Options, Row, Rows

PART = "numerics"
DOCUMENTS, LONGEST = 16, 1024


def unit_rows(model: torch.nn.Module, ids: list[list[int]], tokens: int) -> torch.Tensor:
    """Unit rows (n, d) float32 on the CPU, one for each document."""
    engine = GradientEngine(model, DIM, SEED)
    rows = torch.zeros(len(ids), len(engine.modules) * engine.block)

    def keep(indices: list[int], batch: torch.Tensor) -> None:
        rows[indices] = unit(batch.reshape(len(indices), -1)).cpu()

    engine.stream(Sequences(ids), keep, tokens)
    return rows


def precisions(options: Options) -> tuple[str, ...]:
    """Precisions that are held against float32 on this device."""
    return ("tf32", "bfloat16") if options.on_gpu else ("bfloat16",)


def compared(options: Options, setting: str, model: torch.nn.Module, ids: list[list[int]]) -> Rows:
    """Lowest and mean cosine of each precision's rows; ``model`` is in float32."""
    tokens = max(map(len, ids))  # a document or two a batch: float32 takes twice the memory
    choose_arithmetic("float32", options.device)
    exact = unit_rows(model, ids, tokens)
    for precision in precisions(options):
        model = model.to(choose_arithmetic(precision, options.device))
        cosines = (unit_rows(model, ids, tokens) * exact).sum(1)
        note = f"mean {float(cosines.mean()):.5f}, {len(ids)} documents"
        yield Row(PART, setting, f"{precision}: lowest cosine", float(cosines.min()), "", note)


def rows(options: Options) -> Rows:
    """The trained model of the study, where one is given, and the large shape."""
    if options.study:
        shard = read_table(options.study / "corpus/shards/s0000.parquet", "corpus/shards")
        chosen = stream(0, "gate").choice(shard.height, min(DOCUMENTS, shard.height), replace=False)
        ids = shard["input_ids"].gather(sorted(chosen.tolist())).to_list()
        model = load_model(options.study / "model/model.json", "float32", options.device)
        yield from compared(options, "trained model of the study", model, ids)
    model = random_model(options.shape, options.device, torch.float32)
    ids = random_shard(options.shape, DOCUMENTS)["input_ids"].list.head(LONGEST).to_list()
    yield from compared(options, f"{options.shape}, random weights", model, ids)
