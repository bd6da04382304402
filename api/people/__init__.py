"""People: signing in and out, tokens, users, and who asks."""
