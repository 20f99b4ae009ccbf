"""Takes the place of `container/plug.py`."""

from naive_bayes import ALGORITHM as ALGORITHM
