"""Captions: claims, saves, edits, reviews, suggestions, words and the team's progress."""
