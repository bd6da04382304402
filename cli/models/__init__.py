"""The registry in the terminal."""
