"""Models: the catalogue, and looking up fine-tuned ones."""
