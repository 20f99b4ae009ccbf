"""From reviews to a model: encoding, epochs and rounds, on one processor or many."""
