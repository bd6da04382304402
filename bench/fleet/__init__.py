"""Hundreds of pretended GPU workers on a real database, broker and API: where it breaks first."""
