"""The tasks of processing jobs: reviews split, models measured."""
