"""Jobs: submit, look, stop, resume; their queues, their order and when they will begin and end."""
