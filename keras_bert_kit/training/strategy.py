"""Where a training runs: on one device, several of one machine, several machines, a TPU."""

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator
from typing import get_args

import keras
import tensorflow as tf

from keras_bert_kit.training.strategy_name import StrategyName

TF_CONFIG = "TF_CONFIG"
TPU_VARIABLES = ("TPU_NAME", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS")


def choose_strategy(
    name: StrategyName = "auto", num_cpus: int | None = None
) -> tf.distribute.Strategy:
    """The `tf.distribute.Strategy` to make a model under, in its `scope()`.

    To be called first of all: several workers have to find each other before TensorFlow has
    computed anything.

    Args:
        name: one of
            - `auto`: several workers if `TF_CONFIG` names more than one, a TPU if one of the
              variables `TPU_NAME` and `KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS` is set, all GPUs if there
              are several, and else `one`;
            - `one`: the first GPU, or the CPU;
            - `mirrored`: all GPUs of this machine, or `num_cpus`;
            - `multiworker`: the machines of `TF_CONFIG`, with all GPUs of each;
            - `tpu`: the TPU named by `TPU_NAME`, or this machine's.
        num_cpus: where there is no GPU, cut the CPU into so many devices with a replica on each,
            to try out what would run on GPUs; it is not faster.

    Raises:
        ValueError: if there is no such strategy, `TF_CONFIG` is missing or cannot be read, there is
            only one device for `mirrored`, no TPU is found, or `num_cpus` does not fit.
    """
    if name not in get_args(StrategyName):
        raise ValueError(
            f"`strategy` must be one of {', '.join(get_args(StrategyName))}; received {name!r}."
        )
    gpus = tf.config.list_physical_devices("GPU")
    if name == "auto":
        name = _found_here(len(gpus) or num_cpus or 1)
    if num_cpus is not None:
        _cut_cpu(num_cpus, gpus, name)
    if name == "multiworker":
        _read_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        return _tpu_strategy()
    if name == "one":
        tf.config.list_logical_devices()  # TensorFlow says now what it says at its start
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise ValueError(
            "`mirrored` needs several GPUs, or several CPU devices to try it out, but there is "
            f"only {devices[0].name}. Use `one`."
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one of all workers that writes files."""
    resolver = strategy.cluster_resolver
    if resolver is None or resolver.task_type in (None, "chief"):
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return resolver.task_id == 0 and not has_chief


def check_workers(
    strategy: tf.distribute.Strategy,
    batch_size: int,
    checkpoint_minutes: float | None,
    roll_backs: int = 0,
) -> None:
    """Refuses options of a training that do not go with its strategy.

    Raises:
        ValueError: if there are more replicas than rows in a batch, or several workers would have
            to agree when so many minutes have passed, or on the checkpoint to go back to.
    """
    num_replicas = strategy.num_replicas_in_sync
    if batch_size < num_replicas:
        raise ValueError(
            f"`batch_size` is {batch_size} for {num_replicas} replicas: it is that of all of them "
            "together, and each needs a row."
        )
    if checkpoint_minutes is not None and strategy.cluster_resolver is not None:
        raise ValueError(
            "`checkpoint_minutes` is for one worker, as the clocks of several differ: give "
            "`checkpoint_every`."
        )
    if roll_backs and strategy.cluster_resolver is not None:
        raise ValueError(
            "`roll_backs` is for one worker: start all again with `--seed` or the learning rate "
            "changed, or leave it out."
        )


def off_strategy(model: keras.Model) -> keras.Model:
    """A model for this process alone; under a strategy a copy that has nothing to do with it."""
    if model.distribute_strategy.num_replicas_in_sync == 1:
        return model
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


@contextlib.contextmanager
def chief_first(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """A block that the chief goes through before all other workers.

    For what one makes and the others then find made, such as files in a folder that all share.
    """
    if not is_chief(strategy):
        wait_for_all(strategy)
    yield
    if is_chief(strategy):
        wait_for_all(strategy)


def wait_for_all(strategy: tf.distribute.Strategy) -> None:
    """Comes back when all workers are here."""
    value_of_chief(strategy, 0.0)


def value_of_chief(strategy: tf.distribute.Strategy, value: float) -> float:
    """The number that the chief has, on every worker; all have to call it."""
    if not has_workers(strategy):
        return value
    return _sum_over_workers(strategy, value if is_chief(strategy) else 0.0)


def any_worker(strategy: tf.distribute.Strategy, is_so: bool) -> bool:
    """Whether it is so for one of the workers, on every worker; all have to call it."""
    return _sum_over_workers(strategy, float(is_so)) > 0 if has_workers(strategy) else is_so


def has_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether there are several processes that have to agree; a TPU has one."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _sum_over_workers(strategy: tf.distribute.Strategy, value: float) -> float:
    return float(_summing(strategy)(tf.constant(value, tf.float64)))


@functools.cache  # or it would be traced each time
def _summing(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    num_replicas = len(strategy.extended.worker_devices)  # of this worker

    @tf.function
    def total(own):
        def share():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return tf.where(tf.equal(replica % num_replicas, 0), own, tf.zeros((), tf.float64))

        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(share), axis=None)

    return total


def _found_here(num_devices: int) -> StrategyName:
    if os.environ.get(TF_CONFIG) and len(_read_tf_config()) > 1:
        return "multiworker"
    if any(os.environ.get(variable) for variable in TPU_VARIABLES):
        return "tpu"
    return "mirrored" if num_devices > 1 else "one"


def _read_tf_config() -> list[str]:
    """The addresses of all workers that `TF_CONFIG` names."""
    text = os.environ.get(TF_CONFIG)
    if not text:
        raise ValueError(
            f"`multiworker` needs the variable {TF_CONFIG}, which tells each process the addresses "
            "of all and its own place among them; see docs/scaling.md."
        )
    try:
        config = json.loads(text)
        cluster = config["cluster"]
        workers = [*cluster.get("chief", []), *cluster["worker"]]
        kind, index = config["task"]["type"], int(config["task"]["index"])
        cluster[kind][index]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            f"{TF_CONFIG} must look like "
            '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'
            f"; received {text} ({type(error).__name__}: {error})."
        ) from error
    return workers


def _cut_cpu(num_cpus: int, gpus: list, name: StrategyName) -> None:
    if num_cpus < 1:
        raise ValueError(f"`num_cpus` must be at least 1; received {num_cpus}.")
    if gpus or name not in ("mirrored", "multiworker"):
        found = f"{len(gpus)} GPU(s) here" if gpus else f"the strategy `{name}`"
        raise ValueError(f"`num_cpus` is for `mirrored` and `multiworker` without GPUs: {found}.")
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * num_cpus
    tf.config.set_logical_device_configuration(cpu, parts)


def _tpu_strategy() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu=os.environ.get("TPU_NAME") or "local"
        )
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        raise ValueError(f"There is no TPU that answers ({error}).") from error
    return tf.distribute.TPUStrategy(resolver)
