"""Size of a study, and what each rule asks of a machine."""
