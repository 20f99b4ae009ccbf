"""Text to the ids that a model reads, and back to places in the text."""
