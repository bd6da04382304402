"""Proof that a training helped: recall before and after, what was forgotten, blends."""
