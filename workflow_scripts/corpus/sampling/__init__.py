"""Draw of the working set from all documents of the source."""
