"""Jobs in the terminal: their settings, progress and queues."""
