"""Losses, schedules, optimizers, checkpoints and what is watched during training."""
