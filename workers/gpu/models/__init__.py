"""Models that a job makes: registered, blended, imported, with their cards."""
