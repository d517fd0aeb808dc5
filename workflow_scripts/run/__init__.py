"""Running a study: what is made again, who may write, what a failed run says last."""
