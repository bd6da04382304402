"""Embedding every image of a dataset, and the index made of it."""
