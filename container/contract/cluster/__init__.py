"""The hosts of a job: who they are, and the watch that they keep over each other."""
