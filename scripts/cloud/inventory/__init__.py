"""What of ours stands in the account: how it is found, what it costs now, how it is removed."""
