"""The hyperparameters of this algorithm, each declared once; the course project's names are kept.

docs/hyperparameters.md is made from this list.
"""

from __future__ import annotations

from collections.abc import Mapping

from contract.errors import UserError
from contract.inputs.hyperparameters import Hyperparameter, Value
from contract.running.metrics import Metric

BY_ARCHITECTURE: Mapping[str, Mapping[str, Value]] = {
    "lstm": {"epochs": 10, "learning_rate": 0.002, "weight_decay": 0.0, "validation_run": 1,
             "embedding_dim": 32, "hidden_dim": 100},
    "ngrams": {"epochs": 5, "learning_rate": 0.01, "weight_decay": 1e-4, "validation_run": 100,
               "embedding_dim": 32, "hidden_dim": 100},
}
"""What is taken where a hyperparameter is not given; one number does not suit both."""

VOCABULARY_SIZES = {"classic": 5000, "tokens": 60_000}

HYPERPARAMETERS = (
    Hyperparameter(name="epochs", kind=int, default=None, minimum=1, maximum=1000,
                   help="passes over the training reviews; `lstm` 10 unless given, `ngrams` 5 in "
                        "each of up to three rounds"),
    Hyperparameter(name="batch_size", kind=int, default=512, minimum=1, maximum=65536,
                   tunable=True, logarithmic=True, help="reviews per step of the optimiser"),
    Hyperparameter(name="seed", kind=int, default=1, minimum=0, maximum=2**32 - 1,
                   help="start of all random choices"),
    Hyperparameter(name="text", kind=str, default="auto", choices=("auto", "tokens", "classic"),
                   help="way from text to ids: `tokens` keeps stop words and punctuation, "
                        "`classic` is the course project's, id for id; `auto` is `tokens` for "
                        "`ngrams`, and `classic` for `lstm` and for rows of ids"),
    Hyperparameter(name="architecture", kind=str, default="auto",
                   choices=("auto", "ngrams", "lstm"),
                   help="the model: `ngrams` weighs words, pairs and triples, `lstm` is the course "
                        "project's; `auto` is `ngrams` for texts, and `lstm` for rows of ids and "
                        "for `classic`"),
    Hyperparameter(name="vocab_size", kind=int, default=None, minimum=3, maximum=1_000_000,
                   tunable=True, logarithmic=True,
                   help="ids, including 0 (no word) and 1 (infrequent); `classic` 5000 unless "
                        "given, `tokens` 60000"),
    Hyperparameter(name="embedding_dim", kind=int, default=None, minimum=1, maximum=4096,
                   tunable=True, logarithmic=True,
                   help="numbers per word of `lstm`; 32 unless given"),
    Hyperparameter(name="hidden_dim", kind=int, default=None, minimum=1, maximum=4096,
                   tunable=True, logarithmic=True,
                   help="numbers in the state of `lstm`; 100 unless given, the course project "
                        "published 200"),
    Hyperparameter(name="learning_rate", kind=float, default=None, minimum=0, maximum=1,
                   open_minimum=True, tunable=True, logarithmic=True,
                   help="Adam's step size; `lstm` 0.002 unless given, `ngrams` 0.01, going down to "
                        "0 over the epochs"),
    Hyperparameter(name="weight_decay", kind=float, default=None, minimum=0, maximum=1,
                   tunable=True, logarithmic=True,
                   help="L2 penalty; `lstm` 0 unless given, `ngrams` 0.0001"),
    Hyperparameter(name="gradient_clip", kind=float, default=1.0, minimum=0, maximum=1000,
                   help="largest norm of the gradient; 0 for no bound"),
    Hyperparameter(name="validation_fraction", kind=float, default=0.1, minimum=0, maximum=0.5,
                   help="share of the training reviews to choose by when there is no validation "
                        "channel"),
    Hyperparameter(name="validation_run", kind=int, default=None, minimum=1, maximum=100_000,
                   help="reviews that follow each other and are set aside together, because "
                        "neighbours often speak of the same film; `lstm` 1 unless given, `ngrams` "
                        "100"),
    Hyperparameter(name="patience", kind=int, default=0, minimum=0, maximum=1000,
                   help="epochs without a better validation accuracy before training ends; "
                        "0 to go on"),
    Hyperparameter(name="checkpoint_seconds", kind=float, default=60.0, minimum=0, maximum=86400,
                   help="time between two checkpoints inside an epoch"),
    Hyperparameter(name="device", kind=str, default="auto", choices=("auto", "cpu", "cuda"),
                   help="where to compute; `cuda` fails without a GPU"),
    Hyperparameter(name="max_bad_rows", kind=int, default=0, minimum=0, maximum=1_000_000_000,
                   help="rows per channel that each host may leave out because they cannot be "
                        "used"),
)

METRICS = (
    Metric("train:loss", "mean cross entropy of the epoch, in nats"),
    Metric("validation:loss", "the same on the validation reviews", objective=True),
    Metric("validation:accuracy", "share of validation reviews with the right label",
           objective=True),
    Metric("validation:best_accuracy", "the best so far of a round, and at the end that of the "
           "model as it was last measured: of `ngrams`, before its last round has learned from "
           "the reviews set aside as well", objective=True),
    Metric("test:loss", "mean cross entropy on the test channel, once, at the end"),
    Metric("test:accuracy", "share of test reviews with the right label, once, at the end"),
    Metric("epoch", "epochs that are complete"),
)


def complete(given: Mapping[str, Value], encoded: bool) -> dict[str, Value]:
    """All hyperparameters, once it is known whether the reviews are texts or rows of ids.

    Raises:
        UserError: `text` is `tokens`, and the reviews are rows of ids.
    """
    text, architecture = given["text"], given["architecture"]
    if encoded and text == "tokens":
        raise UserError("text is tokens, but the reviews are rows of ids, which somebody has made "
                        "before; leave text out, or train on texts")
    if text == "auto":
        text = "classic" if encoded or architecture == "lstm" else "tokens"
    if architecture == "auto":
        architecture = "lstm" if text == "classic" else "ngrams"
    own = {**BY_ARCHITECTURE[str(architecture)], "vocab_size": VOCABULARY_SIZES[str(text)]}
    return {**given, "text": text, "architecture": architecture,
            **{name: value for name, value in own.items() if given[name] is None}}
