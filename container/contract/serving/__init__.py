"""The HTTP side of the contract: `/ping`, `/invocations`, `/execution-parameters`."""
