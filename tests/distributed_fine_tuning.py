"""Fine-tunes once for each command line, all under one strategy.

    python distributed_fine_tuning.py COMMAND_LINES [--cpus N]

Run as a process of its own, as `distributed_training.py` is. COMMAND_LINES is JSON: a list of lists
of arguments of `recipes.finetune`.
"""

import json
import sys

from keras_bert_kit.training import strategy as strategies
from recipes.command_line import main
from recipes.finetune import Options, run


def fine_tune(command_lines, num_cpus=None):
    """Returns how the first that failed ended, or 0."""
    strategy = strategies.choose_strategy("auto" if num_cpus is None else "mirrored", num_cpus)
    # There can be one in a process.
    strategies.choose_strategy = lambda name, num_cpus: strategy
    codes = [main(Options, run, "", arguments) for arguments in command_lines]
    return next(filter(None, codes), 0)


if __name__ == "__main__":
    cpus = int(sys.argv[sys.argv.index("--cpus") + 1]) if "--cpus" in sys.argv else None
    sys.exit(fine_tune(json.loads(sys.argv[1]), cpus))
