"""What a training reads: images decoded once, views of them, batches."""
