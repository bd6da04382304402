"""The version of CLIP Browser; `pyproject.toml` takes it from here."""

VERSION = "0.2.0"
