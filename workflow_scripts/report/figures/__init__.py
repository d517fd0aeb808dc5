"""Figures of the report and the tables behind them."""
