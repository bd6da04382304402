"""The split into training and validation images, without a leak between them."""
