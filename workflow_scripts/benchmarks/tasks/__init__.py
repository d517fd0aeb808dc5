"""Tasks and files of questions, read and checked without lm-eval."""
