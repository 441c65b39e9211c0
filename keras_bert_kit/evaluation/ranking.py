"""How well probabilities rank rows, whatever the threshold: the areas under two curves."""

import numpy as np


def ranking_metrics(is_class: np.ndarray, scores: np.ndarray) -> dict[str, float | None]:
    """Areas under two curves, for one class or as the mean over several.

    A class counts where it has rows of both kinds; with none such both are None.

    Args:
        is_class: whether each row is of each class, `(R, C)` of 0 and 1.
        scores: its probability, or anything that is higher for likelier rows, `(R, C)`.

    Returns:
        `roc_auc`, the chance that a row of the class is ranked above one that is not (ties count
        half), and `pr_auc`, the average precision: each a mean over classes.

    Example:
        >>> import numpy as np
        >>> ranking_metrics(np.array([[0], [1], [0], [1]]), np.array([[0.1], [0.4], [0.5], [0.9]]))
        {'roc_auc': 0.75, 'pr_auc': 0.8333333333333333}

    Reference:
        Fawcett, "An introduction to ROC analysis" (2006), section 7 and 9.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    both = is_class.any(axis=0) & ~is_class.all(axis=0)
    if not both.any():
        return {"roc_auc": None, "pr_auc": None}
    areas = [
        (roc_auc_score(truth, score), average_precision_score(truth, score))
        for truth, score in zip(is_class.T[both], scores.T[both], strict=True)
    ]
    roc_auc, pr_auc = np.mean(areas, axis=0)
    return {"roc_auc": float(roc_auc), "pr_auc": float(pr_auc)}
