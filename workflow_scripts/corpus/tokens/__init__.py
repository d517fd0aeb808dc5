"""Tokenizer, shards and tokens of the working set."""
