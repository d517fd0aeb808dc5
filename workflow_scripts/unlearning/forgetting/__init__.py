"""Runs that forget documents, and the adapters that they leave."""
