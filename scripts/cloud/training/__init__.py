"""Training jobs, on SageMaker and here."""
