"""Models: the registry, what they need and what needs them."""
