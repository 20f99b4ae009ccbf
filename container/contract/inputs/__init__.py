"""What the platform hands to a job: its JSON files, settings, channels and archives."""
