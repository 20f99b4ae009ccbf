"""Endpoints: what they run on, how they grow, who watches them and when they end."""
