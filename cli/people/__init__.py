"""The people of a service on this machine, straight in its database."""
