"""Asking about many reviews, and what the answers are worth."""
