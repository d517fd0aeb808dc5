"""Parts of ``make bench-gpu``: each measures one thing on a GPU and yields its rows as it goes."""
