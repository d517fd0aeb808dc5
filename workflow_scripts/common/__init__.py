"""What several stages share: taxonomy, config, tables, files, provenance, jobs, streams."""
