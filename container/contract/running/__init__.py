"""What a job does while it runs: stopping, checkpoints, metrics, progress."""
