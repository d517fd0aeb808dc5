"""Running a study: what is made again, who may write, how far it is, what is said last."""
