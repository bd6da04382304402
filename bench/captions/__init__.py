"""Many people caption at once: what the service answers, and how soon."""
