"""Augmentation: synonym maps, exchanging words, variants of captions, language models."""
