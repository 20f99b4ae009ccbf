"""Whether probabilities mean what they say: error and plot, on the 25,000 test reviews.

Each review is answered by the model in this process. Needs matplotlib (`make tools`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.extend(str(Path(__file__).resolve().parents[1] / place)
                for place in (".", "container", "scripts", "local_test"))

from cloud.scoring import figures, plots
from cloud.scoring.evaluation import Evaluation

from benchmarks import measure
from benchmarks.reviews import add_archive_option, read_reviews
from sentiment.predictor import SentimentPredictor

BATCH = 512


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and draw if asked to."""
    options = _options(arguments)
    reviews = read_reviews(options.archive, "test")
    predictor = SentimentPredictor.load(options.model)
    predictor.start(1)
    said: list[float] = []
    for at in range(0, len(reviews), BATCH):
        records = [predictor.read(review.content.decode())
                   for review in reviews[at:at + BATCH]]
        said += [answer.probability for answer in predictor.predict(records)]
    labels = [review.label for review in reviews]
    bins = figures.reliability(labels, said)
    confusion = figures.confusion(labels, [int(probability > 0.5) for probability in said])
    print(f"accuracy {confusion.accuracy:.5f} on {len(labels)} test reviews, "
          f"expected calibration error {figures.calibration_error(bins):.4f}\n")
    print(measure.markdown_table(
        ("said", "reviews", "mean said", "found positive"),
        [(f"{one.low:.1f} to {one.high:.1f}", one.size, f"{one.mean:.3f}", f"{one.positive:.3f}")
         for one in bins if one.mean is not None]))
    if options.plot:
        found = Evaluation({}, labels, said, confusion, (), {}, {}, {}, (), 0.0, 0.0)
        options.plot.write_text(plots.calibration(found).replace(
            "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" ', 1) + "\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/calibration.py", description=__doc__)
    add_archive_option(parser)
    parser.add_argument("--model", type=Path, default=Path("model"),
                        help="folder that train wrote (default: the bundled model)")
    parser.add_argument("--plot", type=Path, help="an SVG file to draw")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
