"""Images: lists and filters, uploads, selections."""
