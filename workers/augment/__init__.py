"""What a split froze, the variants made of it, and train.csv."""
