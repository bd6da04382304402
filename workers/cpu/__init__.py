"""What CPU workers do: ingest, captions, split, synonyms, map."""
