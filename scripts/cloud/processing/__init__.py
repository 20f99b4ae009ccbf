"""Processing jobs: what is asked for, how it goes, what it leaves."""
