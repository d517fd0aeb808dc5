"""Scripts of the Capability Atlas workflow: one folder a stage, ``common`` for all of them."""

import logging
import os

# Set before any library is imported: progress is ours to report (common/progress.py), and a
# tokenizer's own threads would take cores that other jobs were promised.
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# bitsandbytes, which bergson imports, warns that a kernel for 4-bit weights is not installed.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
