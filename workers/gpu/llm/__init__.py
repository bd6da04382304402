"""The language model: its engine or endpoint, prompts and answers."""
