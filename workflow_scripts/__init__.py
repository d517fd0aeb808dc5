"""Scripts of the Capability Atlas workflow: one folder a stage, ``common`` for all of them."""
