"""The algorithm: text to a probability of being positive. Replace this to bring your own."""
