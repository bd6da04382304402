"""What every worker runs on: the Celery app, jobs and their leases, children, GPUs, the clock."""
