"""The networks: what they compute, and what they need to be built again."""
