"""Training: its settings, the plan made of them, memory and pace. Pure, without torch."""
