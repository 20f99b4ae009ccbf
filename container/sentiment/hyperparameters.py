"""The hyperparameters of this algorithm, each declared once; the course project's names are kept.

docs/hyperparameters.md is made from this list.
"""

from __future__ import annotations

from contract.hyperparameters import Hyperparameter
from contract.metrics import Metric

HYPERPARAMETERS = (
    Hyperparameter(name="epochs", kind=int, default=10, minimum=1, maximum=1000,
                   help="passes over the training reviews"),
    Hyperparameter(name="batch_size", kind=int, default=512, minimum=1, maximum=65536,
                   tunable=True, logarithmic=True, help="reviews per step of the optimiser"),
    Hyperparameter(name="seed", kind=int, default=1, minimum=0, maximum=2**32 - 1,
                   help="start of all random choices"),
    Hyperparameter(name="text", kind=str, default="classic", choices=("classic",),
                   help="way from text to ids; `classic` is the course project's, id for id"),
    Hyperparameter(name="architecture", kind=str, default="lstm", choices=("lstm",),
                   help="the network; `lstm` is the course project's"),
    Hyperparameter(name="vocab_size", kind=int, default=5000, minimum=3, maximum=1_000_000,
                   tunable=True, logarithmic=True,
                   help="ids, including 0 (no word) and 1 (infrequent)"),
    Hyperparameter(name="embedding_dim", kind=int, default=32, minimum=1, maximum=4096,
                   tunable=True, logarithmic=True, help="numbers per word"),
    Hyperparameter(name="hidden_dim", kind=int, default=100, minimum=1, maximum=4096,
                   tunable=True, logarithmic=True,
                   help="numbers in the LSTM's state; the course project published 200"),
    Hyperparameter(name="learning_rate", kind=float, default=0.002, minimum=0, maximum=1,
                   open_minimum=True, tunable=True, logarithmic=True, help="Adam's step size"),
    Hyperparameter(name="gradient_clip", kind=float, default=1.0, minimum=0, maximum=1000,
                   help="largest norm of the gradient; 0 for no bound"),
    Hyperparameter(name="validation_fraction", kind=float, default=0.1, minimum=0, maximum=0.5,
                   help="share of the training reviews to choose by when there is no validation "
                        "channel"),
    Hyperparameter(name="patience", kind=int, default=0, minimum=0, maximum=1000,
                   help="epochs without a better validation accuracy before training ends; "
                        "0 to go on"),
    Hyperparameter(name="checkpoint_seconds", kind=float, default=60.0, minimum=0, maximum=86400,
                   help="time between two checkpoints inside an epoch"),
    Hyperparameter(name="device", kind=str, default="auto", choices=("auto", "cpu", "cuda"),
                   help="where to compute; `cuda` fails without a GPU"),
    Hyperparameter(name="max_bad_rows", kind=int, default=0, minimum=0, maximum=1_000_000_000,
                   help="rows per channel that may be left out because they cannot be used"),
)

METRICS = (
    Metric("train:loss", "mean cross entropy of the epoch, in nats"),
    Metric("validation:loss", "the same on the validation reviews", objective=True),
    Metric("validation:accuracy", "share of validation reviews with the right label",
           objective=True),
    Metric("validation:best_accuracy", "the best so far, which is the saved model's",
           objective=True),
    Metric("test:loss", "mean cross entropy on the test channel, once, at the end"),
    Metric("test:accuracy", "share of test reviews with the right label, once, at the end"),
    Metric("epoch", "epochs that are complete"),
)
