"""The planted world: documents, questions and the truth about its bins."""
