"""The document pass under another random projection."""
