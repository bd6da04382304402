"""Images: which ones a filter means, and which ones a dataset has already."""
