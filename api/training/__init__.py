"""Training: the plan before it, and runs made from others."""
