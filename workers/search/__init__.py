"""Search: warm models, the index, and the answers to queries."""
