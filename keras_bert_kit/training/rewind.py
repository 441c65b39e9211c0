"""Takes back what a killed run wrote down after the checkpoint that it goes on from.

Without this the steps between the checkpoint and the end would stand in the records twice.
"""

import json
import logging
from pathlib import Path

import tensorflow as tf

from keras_bert_kit.atomic_file import write_atomically

logger = logging.getLogger(__name__)


def rewind_metrics(path: str | Path, step: int) -> int:
    """Drops the lines of a `metrics.jsonl` whose `step` is after `step`, and a torn last line.

    The file is replaced in one go, so that a kill at any moment leaves the old one or the new one.

    Args:
        path: the file, one JSON object a line; nothing happens if it is not there.
        step: the last step to keep.

    Returns:
        The number of lines dropped.

    Raises:
        ValueError: if a line before the last is no JSON object with a `step`.
    """
    path = Path(path)
    if not path.exists():
        return 0
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    kept = []
    for number, line in enumerate(lines, start=1):
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, TypeError, KeyError) as error:
            if number < len(lines):
                raise ValueError(
                    f"{path}, line {number}: expected a JSON object with a `step`, received "
                    f"{line[:60]!r}. Repair or remove that line, or move the file away."
                ) from error
    rewound = "".join(f"{line}\n" for line in kept)
    if rewound != text:
        write_atomically(path, lambda file: file.write(rewound.encode()))
    if dropped := len(lines) - len(kept):
        logger.info("%s: dropped %d line(s) after step %d.", path, dropped, step)
    return dropped


def rewind_events(folder: str | Path, step: int, *, tags_from_step: tuple[str, ...] = ()) -> int:
    """Drops the TensorBoard events in `folder` whose step is after `step`, and torn records.

    TensorBoard would show them beside the new ones: it takes back what a later file repeats only
    if that file says so in a way that `tf.summary` cannot write.

    Args:
        folder: where the event files lie; nothing happens if it is not there.
        step: the last step to keep.
        tags_from_step: tags of which the events at `step` itself are dropped too.

    Returns:
        The number of events dropped.
    """
    dropped = 0
    for path in sorted(Path(folder).glob("events.out.tfevents.*")):
        kept, dropped_here, is_torn = [], 0, False
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = tf.compat.v1.Event.FromString(record)
                repeats = any(value.tag in tags_from_step for value in event.summary.value)
                if event.step > step or (event.step == step and repeats):
                    dropped_here += 1
                else:
                    kept.append(record)
        except tf.errors.DataLossError:
            is_torn = True  # The run was killed while it wrote; nothing can follow.
        if dropped_here or is_torn:
            temporary = path.with_name("rewinding.tmp")  # no name that TensorBoard reads
            with tf.io.TFRecordWriter(str(temporary)) as writer:
                for record in kept:
                    writer.write(record)
            temporary.replace(path)
        dropped += dropped_here + is_torn
    if dropped:
        logger.info("%s: dropped %d event(s) after step %d.", folder, dropped, step)
    return dropped
