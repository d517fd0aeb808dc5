"""Random streams: one independent generator per purpose, from a named seed of the config."""

import hashlib
import zlib

import numpy as np


def stream(seed: int, *keys: object) -> np.random.Generator:
    """Independent generator for ``keys``: same seed and keys, same draws, on any machine."""
    return np.random.default_rng([seed, *(zlib.crc32(str(key).encode()) for key in keys)])


def stable_hash(seed: int, *keys: object) -> int:
    """Keyed 64-bit hash in [0, 2**64) of ``keys``, independent of process and machine.

    Python's own ``hash`` is salted per process for strings, so it must not decide anything
    that is written to disk.
    """
    message = "\x1f".join(str(key) for key in keys).encode()
    digest = hashlib.blake2b(message, digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big")
