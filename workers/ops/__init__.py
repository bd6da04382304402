"""What keeps the service in order: lost jobs, stale files."""
