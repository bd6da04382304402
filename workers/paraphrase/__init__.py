"""Paraphrases by a language model: the job, and the filter that judges them."""
