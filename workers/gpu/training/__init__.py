"""Training: the job, its child process, the loop, checkpoints and memory."""
