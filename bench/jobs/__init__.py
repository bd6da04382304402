"""What jobs cost the database and the API: `make bench-jobs`."""
