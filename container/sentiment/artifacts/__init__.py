"""The model on disk: ours, the course project's, and what either takes of memory."""
