"""Captions: the rules of their text, how they are stored, edited, read from and written to files."""
