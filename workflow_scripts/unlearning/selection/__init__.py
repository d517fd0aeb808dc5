"""Topics and documents that each arm forgets."""
