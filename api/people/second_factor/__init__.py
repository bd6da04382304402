"""A second factor for sign-ins by password: set up, used, reset."""
