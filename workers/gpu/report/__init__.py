"""What a training tells: metrics, progress, trends, the machine's load."""
