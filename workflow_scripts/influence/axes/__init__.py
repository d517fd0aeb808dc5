"""Topics and formats as units: marginals and decomposition of maps."""
