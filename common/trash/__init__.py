"""What was deleted and can be brought back, until it is removed for good.

A dataset is marked and hidden, and its id stays taken; images and models leave their tables for one of the
trash's, with all that hung on them. The rule as a table: docs/trash.md.
"""
