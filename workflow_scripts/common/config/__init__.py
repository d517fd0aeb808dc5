"""The configuration: loaded, completed with defaults, and checked."""
