"""Tests of `common/people`."""
