"""SageMaker's side of the container: files, signals, HTTP. It knows no algorithm."""
