"""Every check of a study, held to its bar."""
