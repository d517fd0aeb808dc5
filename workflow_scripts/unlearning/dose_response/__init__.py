"""Dose response by question within every adapter."""
