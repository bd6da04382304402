"""What GPU workers do, in child processes: training, embedding, paraphrasing."""
