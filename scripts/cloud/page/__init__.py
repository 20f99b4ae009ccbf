"""What the web page and its function are made of, as they are delivered."""
