"""Where to compute, and in which precision beside others. No test here needs a GPU."""

from __future__ import annotations

import pytest
import torch

from sentiment.learning.device import Device

HALF, BRAIN, SINGLE = "torch.float16", "torch.bfloat16", "torch.float32"


@pytest.mark.parametrize(("own", "every", "expected"), [
    (torch.float16, [HALF, HALF], torch.float16),
    (torch.float16, [HALF, SINGLE], torch.float32),
    (torch.float16, [HALF, BRAIN, HALF], torch.float32),
    (torch.bfloat16, [HALF, BRAIN], torch.bfloat16),
    (torch.float32, [HALF, SINGLE], torch.float32),
    (torch.float16, [HALF], torch.float16),
])
def test_scaled_gradients_are_added_up_with_scaled_ones_only(
    own: torch.dtype, every: list[str], expected: torch.dtype
) -> None:
    assert Device(torch.device("cpu"), own).beside(every).precision is expected
