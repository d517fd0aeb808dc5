"""Error budget of bin influence."""
