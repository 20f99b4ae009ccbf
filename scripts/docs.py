"""Write docs/hyperparameters.md from the declaration: `make docs`. A test keeps it up to date."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "container"))

PAGE = ROOT / "docs" / "hyperparameters.md"


def page() -> str:
    """The page as text."""
    from contract.inputs.hyperparameters import markdown_table
    from plug import ALGORITHM

    metrics = "\n".join(
        f"| `{metric.name}` | {metric.help} | {'yes' if metric.objective else ''} | "
        f"`{metric.regex.replace('|', chr(92) + '|')}` |" for metric in ALGORITHM.metrics)
    return f"""# Hyperparameters and metrics

Made by `make docs` from what the algorithm in `container/plug.py` declares; do not edit by hand.

A dash and an underscore are the same in a name. Values may come in any of the notations that
SageMaker's clients use: `0.1`, `"0.1"`, `True`, `true`, `None`, `null`, `7.0` for a whole number.
Unknown names and impossible values end the job at once, all of them named in one message. Keys
that the platform and its clients add for themselves (`_...`, `sagemaker_...`) are passed over.
`train --describe` prints all of this as JSON, for scripts.

{markdown_table(ALGORITHM.hyperparameters)}
"tune" says that a tuning job may vary it, "log" on a logarithmic scale.

## Metrics

Printed on standard output while it learns; the last value of each is the one to go by.

| name | what it is | objective | regular expression for `MetricDefinitions` |
| --- | --- | --- | --- |
{metrics}
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
