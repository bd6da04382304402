"""Captions: saved, edited, undone, and matched to images when people bring them along."""
