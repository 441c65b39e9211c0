"""Tells the logs of held-out data from those of training: `fit` puts both in one dict."""

from collections.abc import Mapping

PREFIX = "val_"  # Keras's, for what it measures on `validation_data`


def held_out_logs(logs: Mapping[str, float] | None) -> dict[str, float]:
    """The logs of held-out data, under the names that training has for the same.

    Args:
        logs: what `fit` hands to `on_epoch_end`.

    Returns:
        Their `val_` entries without `val_`; empty if nothing was evaluated.

    Example:
        >>> held_out_logs({"loss": 6.1, "val_loss": 6.3})
        {'loss': 6.3}
    """
    return {
        name.removeprefix(PREFIX): value
        for name, value in (logs or {}).items()
        if name.startswith(PREFIX)
    }
