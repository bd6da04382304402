"""Jobs: kinds, states, leases, order, reports. The only place that changes a job's state."""
