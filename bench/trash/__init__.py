"""The trash, measured."""
