"""Where the time of a pre-training step goes: by kernel, and by part of the model.

    python -m tools.bench.step_profile --size mini
    python -m tools.bench.step_profile --size base --batch-size 8 --logdir profile/

Some steps of the benchmark `pretraining` are traced by TensorFlow's profiler. With `--logdir` the
trace stays, for the Profile tab of TensorBoard (`pip install tensorboard-plugin-profile`): choose
Trace Viewer or Framework Op Stats there. Times are those of kernels, one thread each: with several
threads their sum is more than that of a step.
"""

import collections
import re
import tempfile
from pathlib import Path

import tyro

COMPILED = "compiled"  # XLA tells its own names of passes, not of which layer they are
PARTS = (
    ("activations, dropout, norms compiled by XLA", f"^{COMPILED}$"),
    ("optimizer", "adam_w|L2Loss|clip_by_global_norm|global_norm"),
    ("masked-token head", "masked_lm"),
    ("next-sentence head and pooler", "next_sentence|pooler"),
    ("embeddings", "embeddings"),
    ("attention", "/attention_"),
    ("feed-forward", "/feed_forward"),
    ("norms", "_norm"),
    ("other layers", "encoder"),
)


def main(
    size: str = "mini",
    dtype: str = "float32",
    batch_size: int = 32,
    sequence_length: int = 128,
    steps: int = 4,
    rows: int = 25,
    logdir: Path | None = None,
) -> None:
    """Prints two Markdown tables.

    Args:
        size: one of the benchmark's sizes.
        dtype: `float32` or `bfloat16`.
        batch_size: rows of a batch.
        sequence_length: tokens of a row.
        steps: steps to trace.
        rows: kernels to show.
        logdir: where the trace stays.
    """
    import tensorflow as tf

    from tools.bench import pretraining

    case = pretraining.case(size, dtype, sequence_length, batch_size, steps)
    work = pretraining.SIDES["kit"](case.settings)
    work()
    work()
    with tempfile.TemporaryDirectory() as folder:
        folder = logdir or Path(folder)
        options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=2)
        tf.profiler.experimental.start(str(folder), options=options)
        work()
        tf.profiler.experimental.stop()
        times = _times_by_name(max(folder.rglob("*.xplane.pb"), key=lambda p: p.stat().st_mtime))
    kernels, calls, parts = collections.Counter(), collections.Counter(), collections.Counter()
    for name, (milliseconds, count) in times.items():
        path, _, kernel = name.rpartition(":")
        kernels[kernel] += milliseconds / steps
        calls[kernel] += count
        parts[_part_of(path)] += milliseconds / steps
    total = sum(kernels.values())
    print(f"{case.name}: {total:,.0f} ms of kernels a step\n")
    print("| part | ms a step | share |\n| --- | ---: | ---: |")
    for part, milliseconds in parts.most_common():
        print(f"| {part} | {milliseconds:.1f} | {milliseconds / total:.1%} |")
    print("\n| kernel | ms a step | share | calls |\n| --- | ---: | ---: | ---: |")
    for kernel, milliseconds in kernels.most_common(rows):
        print(
            f"| {kernel} | {milliseconds:.1f} | {milliseconds / total:.1%} "
            f"| {calls[kernel] / steps:.0f} |"
        )


def _times_by_name(path: Path) -> dict[str, tuple[float, int]]:
    """Milliseconds that kernels took themselves, and how often they ran, by `path:kernel`."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(path.read_bytes())
    times = collections.defaultdict(lambda: (0.0, 0))
    for plane in space.planes:
        metadata = plane.event_metadata.items()
        names = {
            k: re.sub(r"^(?=\w+_fusion$)", f"{COMPILED}:", value.name) for k, value in metadata
        }
        for line in plane.lines:
            inside = []  # events that the present one is in: when they end, and their names
            for event in sorted(line.events, key=lambda e: (e.offset_ps, -e.duration_ps)):
                name = names[event.metadata_id]
                while inside and inside[-1][0] <= event.offset_ps:
                    inside.pop()
                milliseconds = event.duration_ps / 1e9
                if inside:
                    before, count = times[inside[-1][1]]
                    times[inside[-1][1]] = before - milliseconds, count
                before, count = times[name]
                times[name] = before + milliseconds, count + 1
                inside.append((event.offset_ps + event.duration_ps, name))
    return {name: time for name, time in times.items() if re.search(r"[^:]:\w+$", name)}


def _part_of(path: str) -> str:
    for part, pattern in PARTS:
        if re.search(pattern, path):
            return part
    return "loss, metrics, step"


if __name__ == "__main__":
    tyro.cli(main)
