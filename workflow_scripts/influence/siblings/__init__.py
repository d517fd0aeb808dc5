"""Maps of other trainings of the study's model."""
