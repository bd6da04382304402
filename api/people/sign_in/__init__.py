"""Signing in: by password and by link, under attack as well."""
