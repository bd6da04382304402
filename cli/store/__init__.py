"""The artifact store itself, for whoever runs the service: moving it to another place."""
