"""What counts as a label, and the two classes' names."""

from __future__ import annotations

NEGATIVE, POSITIVE = 0, 1
NAMES = ("negative", "positive")

# 0.0 and 1.0 are how a table of floats writes 0 and 1.
_SPELLINGS = {"0": NEGATIVE, "0.0": NEGATIVE, "neg": NEGATIVE, "negative": NEGATIVE,
              "1": POSITIVE, "1.0": POSITIVE, "pos": POSITIVE, "positive": POSITIVE}
EXPECTED = "0/1, neg/pos or negative/positive"


def read_label(raw: object) -> int:
    """Raises ValueError: `raw` is none of the known spellings."""
    if isinstance(raw, (int, float, str)) and not isinstance(raw, bool):
        label = _SPELLINGS.get(str(raw).strip().lower())
        if label is not None:
            return label
    shown = repr(raw if len(str(raw)) <= 20 else str(raw)[:17] + "...")
    raise ValueError(f"label is {shown}, expected {EXPECTED}")
