"""The training step behind `fit`: every loss a weighted sum over a sum of weights.

What stock Keras 3.15 does otherwise, and why it is done again here:
- it averages the losses of batches by their number of rows; with masked tokens the right weight of
  a batch is its number of predictions, in training logs as in evaluation;
- it does not tell the norm of the gradients, the first thing to look at when a run goes wrong;
- its optimizers accumulate gradients over batches, each divided by its own number of predictions;
  here a batch is cut into micro-batches that are divided by what the whole has.
"""

from collections.abc import Collection
from types import SimpleNamespace

import keras
import tensorflow as tf

from keras_bert_kit.compiled import for_few_shapes
from keras_bert_kit.global_batches import GlobalBatches
from keras_bert_kit.layers.block import blocks_of, rematerialized
from keras_bert_kit.step_scopes import already_summed, known_norm, own_draws
from keras_bert_kit.training.losses import weighted_sums


class TrainingStep(GlobalBatches):
    """A mix-in, put before `keras.Model`, for models whose outputs, losses and labels are dicts.

    The logs of each batch, and of `evaluate`, hold `<output>_loss` for every output with a loss:
    the mean of its terms by weight over everything since the metrics were reset; `loss`, their
    sum by `loss_weights`; the compiled metrics; and in training `gradient_norm`, the mean norm of
    all gradients together before clipping, and `skipped_steps`, the number of those where it was
    not finite. Clipping itself is the optimizer's `global_clipnorm`. Under a `tf.distribute`
    strategy all of these are of all replicas together.

    Example:
        >>> class Model(TrainingStep, keras.Model):
        ...     pass
        >>> x = keras.Input((3,))
        >>> model = Model(x, {"label": keras.layers.Dense(1)(x)})
        >>> model.compile("sgd", loss={"label": "mse"})
        >>> batch = tf.ones((2, 3)), {"label": tf.zeros((2, 1))}
        >>> sorted(model.train_on_batch(*batch, return_dict=True))
        ['gradient_norm', 'label_loss', 'loss', 'skipped_steps']
    """

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        micro_batches: int = 1,
        mean_over_weights: bool | Collection[str] = True,
        remat: bool = False,
        few_shapes: bool = False,
        **kwargs,
    ):
        """As `keras.Model.compile`; `loss` is a dict from output names to losses.

        Args:
            optimizer: see `keras.Model.compile`.
            loss: a dict from names of outputs to losses.
            loss_weights: a dict from names of outputs to numbers; 1 where nothing is said.
            micro_batches: how many parts of a batch `fit` computes one after the other, to need
                less memory. The step is the same one; only dropout falls otherwise.
            mean_over_weights: whether a batch's loss is divided by the sum of its weights, so that
                every prediction counts the same (masked tokens, tags). Otherwise by the number of
                its terms: then a weight means the same in every batch, also where rows of like
                weight share one, as the windows of long texts do in buckets by length. Or the names
                of the outputs for which it is so.
            remat: whether the blocks of an encoder keep only their input for the backward pass and
                compute the rest again there, to need less memory ("activation checkpointing"). The
                step is the same one, dropout too. With `run_eagerly` it saves less.
            few_shapes: whether batches whose shape TensorFlow does not know beforehand are of few
                shapes: lengths that are multiples of a number. On a CPU, passes over large tensors
                are then compiled for each; a shape takes a fifth of a second, once. With
                `jit_compile` all of a step is compiled anyway.
            **kwargs: see `keras.Model.compile`.

        Raises:
            ValueError: if `loss` is no dict from names of outputs, `loss_weights` or
                `mean_over_weights` names an output without a loss, `micro_batches` is not at least
                1, or there is no block for `remat`.
        """
        if not isinstance(loss, dict):
            raise ValueError(
                "`loss` must be a dict from the names of outputs to losses, for instance "
                f"{{'masked_lm': cross_entropy()}}; received {loss!r}."
            )
        unknown = set(loss) - set(self.output)
        if unknown:
            raise ValueError(
                f"`loss` names {sorted(unknown)}, but the outputs are {sorted(self.output)}."
            )
        if isinstance(mean_over_weights, bool):
            mean_over_weights = loss if mean_over_weights else ()
        unknown = set(mean_over_weights) - set(loss)
        if unknown:
            raise ValueError(
                f"`mean_over_weights` names {sorted(unknown)}, but `loss` has only {sorted(loss)}."
            )
        unknown = set(loss_weights or {}) - set(loss)
        if unknown:
            raise ValueError(
                f"`loss_weights` names {sorted(unknown)}, but `loss` has only {sorted(loss)}."
            )
        if not isinstance(micro_batches, int) or micro_batches < 1:
            raise ValueError(
                f"`micro_batches` must be a whole number of at least 1; received {micro_batches!r}."
            )
        if remat and not blocks_of(self):
            raise ValueError(
                "`remat=True` is for the blocks of an `Encoder`, but this model has none. Leave it "
                "out, or give `micro_batches` to need less memory."
            )
        super().compile(optimizer=optimizer, loss=loss, loss_weights=loss_weights, **kwargs)
        self._micro_batches = micro_batches
        self._remat = remat
        self._few_shapes = few_shapes
        self._mean_over_weights = frozenset(mean_over_weights)
        self._output_losses = {name: _per_element(given) for name, given in loss.items()}
        self._output_loss_weights = {name: (loss_weights or {}).get(name, 1.0) for name in loss}
        # Not attributes of the model: Keras would go on logging those of an earlier `compile`.
        self._means = SimpleNamespace(
            losses={name: keras.metrics.Mean(name=f"{name}_loss") for name in loss},
            gradient_norm=keras.metrics.Mean(name="gradient_norm"),
            skipped_steps=keras.metrics.Sum(name="skipped_steps"),
        )

    def get_compile_config(self):
        """What `compile_from_config` takes."""
        config = super().get_compile_config()
        if config and self._micro_batches > 1:
            config["micro_batches"] = self._micro_batches
        if config and self._mean_over_weights != set(self._output_losses):
            config["mean_over_weights"] = sorted(self._mean_over_weights)
        if config and self._remat:
            config["remat"] = True
        if config and self._few_shapes:
            config["few_shapes"] = True
        return config

    def compile_from_config(self, config):
        """Compiles with what a `.keras` file says; Keras leaves it to a class with a `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self):
        """The compiled metrics, the means of the losses and what is known of the gradients."""
        if not self.compiled:
            return super().metrics
        means = self._means
        losses = means.losses.values()
        return [*super().metrics, *losses, means.gradient_norm, means.skipped_steps]

    @property
    def only_in_training(self) -> tuple[str, ...]:
        """Names of logs that `evaluate` has nothing for."""
        return self._means.gradient_norm.name, self._means.skipped_steps.name

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum over outputs of loss weight times weighted mean, a float32 scalar."""
        del x, training
        self._check_labels(y, sample_weight)
        return self._share_of_loss(y, y_pred, sample_weight, 1.0, {}, False)

    def train_step(self, batch):
        """One step of the optimizer on a global batch, by its parts of replicas.

        A step whose gradients are not finite changes nothing but the loss scale, and is counted in
        `skipped_steps`. It is a step of the optimizer all the same: step k is that of batch k.
        """
        strategy = self.distribute_strategy
        with (
            own_draws(self, self.num_replicas),
            rematerialized(self, self._remat),
            for_few_shapes(self._few_shapes and not self.jit_compile),
        ):
            gradients, norm = self.run_on_parts(self._replica_gradients, batch)

        def update():
            strategy.run(self._update, args=(gradients, norm))
            return tf.zeros(())

        def skip():
            strategy.run(self._skip, args=(gradients,))
            self.optimizer.iterations.assign_add(1)
            return tf.zeros(())

        # Not in `strategy.run`, where a condition around the optimizer is refused.
        with already_summed(self.optimizer):
            tf.cond(tf.math.is_finite(self.of_first_replica(norm)), update, skip)

    def _replica_gradients(self, data):
        """The gradients of the loss of the global batch, by index of variable, and their norm.

        Each replica adds the share of its rows; both are the same on all.
        """
        x, y, sample_weight = self.unpack(data)
        self._check_labels(y, sample_weight)
        scale = self.optimizer.scale_loss(tf.ones(()))  # not 1 in float16 only
        share, denominators = self._share_of_rows(x, sample_weight)
        compute = self._gradients if self._micro_batches == 1 else self._accumulated_gradients
        if self.jit_compile and self.num_replicas > 1:
            compute = tf.function(compute, jit_compile=True, autograph=False)
        gradients = compute(x, y, sample_weight, scale, share, denominators)
        gradients = _sum_over_replicas(
            {str(i): gradient for i, gradient in enumerate(gradients) if gradient is not None}
        )
        return gradients, tf.linalg.global_norm(list(gradients.values())) / scale

    def _share_of_rows(self, x, sample_weight):
        """A replica's share of all rows, and by output the sum of all replicas' weights."""
        names = sorted(self._mean_over_weights)
        sizes = [tf.cast(_num_rows(x), tf.float32)]
        if sample_weight is not None and self._mean_over_weights:
            sizes += [tf.reduce_sum(tf.cast(sample_weight[name], tf.float32)) for name in names]
        rows, *weights = tf.unstack(_sum_over_replicas(tf.stack(sizes)))
        return sizes[0] / rows, dict(zip(names, weights, strict=False))

    def _update(self, gradients, norm):
        with known_norm(self.optimizer, norm):
            self._apply(gradients)
        self._means.gradient_norm.update_state(norm)

    def _skip(self, gradients):
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            self._apply(gradients)  # lowers the scale, and does no more
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        self._means.skipped_steps.update_state(tf.cast(tf.equal(replica, 0), tf.float32))

    def _apply(self, gradients):
        variables = self.trainable_variables
        self.optimizer.apply_gradients(
            [(gradient, variables[int(index)]) for index, gradient in gradients.items()]
        )

    def _gradients(self, x, y, sample_weight, scale, share, denominators):
        """The gradients of some rows' share of the loss; their losses and metrics are counted."""
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self._share_of_loss(y, y_pred, sample_weight, share, denominators, True)
            scaled_loss = loss * scale
        self.compute_metrics(x, y, y_pred, sample_weight)
        variables = self.trainable_variables
        gradients = tape.gradient(scaled_loss, [variable.value for variable in variables])
        return [
            None if gradient is None else _dense(gradient, variable.shape)
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    def _accumulated_gradients(self, x, y, sample_weight, scale, share, denominators):
        """The same gradients as of the whole batch at once, from one micro-batch after another."""
        batch, rows = (x, y, sample_weight), _num_rows(x)
        if self.jit_compile and self.num_replicas > 1:  # XLA cannot take rows from none
            batch = keras.tree.map_structure(_with_another_row, batch)
        small, larger = rows // self._micro_batches, rows % self._micro_batches
        variables, has_gradient = self.trainable_variables, {}

        def add(first, size, sums):
            taken = first + tf.range(size)
            part = keras.tree.map_structure(
                lambda leaf: None if leaf is None else tf.gather(leaf, taken), batch
            )
            share_of_rows = tf.cast(size, tf.float32) / tf.cast(rows, tf.float32)
            gradients = self._gradients(*part, scale, share * share_of_rows, denominators)
            has_gradient.update(
                (index, gradient is not None) for index, gradient in enumerate(gradients)
            )
            return [
                total if gradient is None else total + tf.cast(gradient, total.dtype)
                for total, gradient in zip(sums, gradients, strict=True)
            ]

        # The first `larger` micro-batches have a row more than the others. For XLA each size has a
        # loop of its own. One iteration at a time, or their activations would be there together.
        rows_in_larger = larger * (small + 1)
        loops = [(small, rows)]
        if self.jit_compile:
            loops.insert(0, (small + 1, rows_in_larger))
        first, sums = tf.constant(0), [tf.zeros(v.shape, v.dtype) for v in variables]
        for size, stop in loops:

            def body(first, sums, size=size):
                if not self.jit_compile:
                    size += tf.cast(first < rows_in_larger, tf.int32)
                return first + size, add(first, size, sums)

            first, sums = tf.while_loop(
                lambda first, sums, stop=stop: first < stop,
                body,
                (first, sums),
                parallel_iterations=1,
            )
        return [total if has_gradient[index] else None for index, total in enumerate(sums)]

    def _share_of_loss(self, y, y_pred, sample_weight, share, denominators, may_skip):
        """What some rows add to the loss of a batch.

        Args:
            y: their labels, by output.
            y_pred: their outputs.
            sample_weight: their weights by output, or none.
            share: how large a part of all rows they are.
            denominators: the sum of the weights of all rows, by output; where it is not there
                these rows' own sum and `share` tell it, since then they all weigh the same.
            may_skip: whether a loss that is not finite stays out of the logs, its step skipped.
        """
        total = share * sum(self.losses, start=tf.zeros(()))
        for name, loss in self._output_losses.items():
            weights = None if sample_weight is None else sample_weight[name]
            terms = loss(y[name], y_pred[name])
            numerator, denominator = weighted_sums(terms, weights)
            mean = tf.math.divide_no_nan(numerator, denominator)
            is_logged = tf.math.is_finite(mean) if may_skip else True
            self._means.losses[name].update_state(
                tf.where(is_logged, mean, 0.0), tf.where(is_logged, denominator, 0.0)
            )
            of_all = denominators.get(name, tf.math.divide_no_nan(denominator, share))
            if name not in self._mean_over_weights:
                of_all = tf.math.divide_no_nan(tf.cast(tf.size(terms), tf.float32), share)
            total += self._output_loss_weights[name] * tf.math.divide_no_nan(numerator, of_all)
        return total

    def _check_labels(self, y, sample_weight):
        _check_has_outputs("y", y, self._output_losses)
        if sample_weight is not None:
            _check_has_outputs("sample_weight", sample_weight, self._output_losses)

    def test_step(self, data):
        """Counts the losses and metrics of a replica's part of a batch."""
        x, y, sample_weight = self.unpack(data)
        y_pred = self(x, training=False)
        self.compute_loss(x, y, y_pred, sample_weight, training=False)
        self.compute_metrics(x, y, y_pred, sample_weight)

    def get_metrics_result(self):
        """The logs: all metrics since they were reset, and `loss` made from the others."""
        logs = super().get_metrics_result()
        logs["loss"] = sum(
            weight * logs[f"{name}_loss"] for name, weight in self._output_loss_weights.items()
        )
        return logs


def _with_another_row(leaf):
    """An array with a last row of zeros more, so that there is one; or None."""
    return None if leaf is None else tf.pad(leaf, [[0, 1]] + [[0, 0]] * (leaf.shape.rank - 1))


def _num_rows(x):
    return tf.shape(next(leaf for leaf in tf.nest.flatten(x) if leaf is not None))[0]


def _dense(gradient, shape):
    """A gradient as a tensor of the shape of its variable, which TensorFlow may have lost.

    The norm of a sparse one would count a token once per occurrence. `tf.ensure_shape` would bring
    dimensions of dynamic size into what XLA compiles.
    """
    gradient = tf.convert_to_tensor(gradient)
    gradient.set_shape(shape)
    return gradient


def _sum_over_replicas(values):
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def _check_has_outputs(argument, given, outputs):
    """Refuses labels or weights that are not there for every output with a loss."""
    names = sorted(given) if isinstance(given, dict) else type(given).__name__
    if not isinstance(given, dict) or not set(outputs) <= set(given):
        raise ValueError(
            f"`{argument}` must be a dict with an entry for each output that has a loss, "
            f"{sorted(outputs)}; received {names}."
        )


def _per_element(loss):
    """The function that gives a loss before any reduction."""
    loss = keras.losses.get(loss)
    return loss.call if isinstance(loss, keras.losses.Loss) else loss
