"""Study of an existing bin matrix, in place of a study's own attribution."""
