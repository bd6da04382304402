"""Variants of the training captions by synonyms."""
