"""Augmentation: synonym maps, and the review of proposed variants."""
