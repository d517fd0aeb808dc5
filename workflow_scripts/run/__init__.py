"""Running a study: reruns by content, lock, progress and closing headline."""
