"""How fast this machine trains: some steps are measured, in a process of its own."""
