"""Datasets: make, list, rename, delete; the line of steps; exports."""
