"""Trainings in the terminal: the plan said before, and sweeps."""
