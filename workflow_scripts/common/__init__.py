"""Shared code of the stages: taxonomy, config, tables, files, provenance, jobs, streams."""
