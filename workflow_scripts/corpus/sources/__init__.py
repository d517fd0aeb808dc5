"""Files of the corpus: found, fetched, read, labelled and indexed."""
