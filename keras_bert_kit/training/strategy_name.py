"""What `training/strategy.py` can be asked for, without TensorFlow."""

from typing import Literal

StrategyName = Literal["auto", "one", "mirrored", "multiworker", "tpu"]
