"""Datasets: what changed in them, and the snapshots that a split froze."""
