"""Models as the workers load them: weights, sources, pixels, memory."""
