"""The workers: the Celery app, the runner of jobs, and what CPU and GPU workers share."""
