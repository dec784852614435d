"""Scores of a model against the truth, experiments, and the pages that report them."""
