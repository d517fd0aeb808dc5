"""Small models retrained on halves of the bins, and scores of maps by them."""
