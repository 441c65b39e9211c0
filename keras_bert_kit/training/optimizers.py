"""AdamW as BERT uses it."""

import re

import keras

ON_TENSORFLOW = keras.config.backend() == "tensorflow"
if ON_TENSORFLOW:
    import tensorflow as tf

    from keras_bert_kit import compiled

BLOCK = re.compile(r"(?:^|/)block_(\d+)/")
EMBEDDINGS = re.compile(r"(?:^|/)embeddings/")


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class AdamW(keras.optimizers.AdamW):
    """AdamW that decays matrices only: no bias, no scale and no shift of a layer norm.

    Keras 3.15 goes over weights and moments a dozen times. On TensorFlow this is one pass of
    TensorFlow's own kernel after one that decays, or for large weights on CPUs one in all.

    This is a rule about shapes, so it outlasts saving and loading; what is told to
    `exclude_from_weight_decay`, which adds to it, does not (Keras 3.15).

    Args:
        learning_rate: a number or a schedule.
        weight_decay: the decoupled decay, multiplied by the learning rate.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: 1e-6, as in the original code.
        global_clipnorm: the largest norm of all gradients together.
        layer_decay: layer-wise decay of the learning rate, by the paths of weights: those of heads
            and pooler learn with the whole rate, those of the last of L blocks with `layer_decay`
            times it, of `block_i` with `layer_decay^(L - i)` and of the embeddings with
            `layer_decay^(L + 1)` times it. Weights decay less by the same factor.
        **kwargs: any other argument of `keras.optimizers.AdamW`.

    Attributes:
        given_norm: the norm of all gradients that come next, where it is known already.

    Raises:
        ValueError: if `layer_decay` is not above 0 and at most 1.

    With `use_ema=True` it keeps averages of the weights, and `fit` does not put them into the model
    at its end, as it would for Keras's own: see `training/averaging.py`.

    Reference:
        https://arxiv.org/abs/1711.05101; BERT, appendix A.2, https://arxiv.org/abs/1810.04805;
        `layer_decay`: ELECTRA, appendix B, https://arxiv.org/abs/2003.10555
    """

    def __init__(
        self,
        learning_rate=1e-4,
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        global_clipnorm: float | None = 1.0,
        layer_decay: float | None = None,
        **kwargs,
    ):
        if layer_decay is not None and not 0 < layer_decay <= 1:
            raise ValueError(
                f"`layer_decay` must be above 0 and at most 1; received {layer_decay}."
            )
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            **kwargs,
        )
        self.layer_decay = layer_decay
        self.given_norm = None

    def build(self, var_list):
        """Makes the moments, and each weight's factor of the learning rate."""
        if not self.built:
            paths = [getattr(variable, "path", variable.name) for variable in var_list]
            self._factors = layer_factors(paths, self.layer_decay or 1.0)
        super().build(var_list)

    def update_step(self, gradient, variable, learning_rate):
        """Decays the weight, then takes Adam's step, with the rate of the weight's layer."""
        index = self._get_variable_index(variable)
        learning_rate = keras.ops.cast(learning_rate, variable.dtype) * self._factors[index]
        is_decayed = self.weight_decay is not None and self._use_weight_decay(variable)
        has_kernel = self._has_kernel_for(gradient, variable)
        if has_kernel and compiled.pays_off(gradient) and not tf.distribute.has_strategy():
            decay = self.weight_decay if is_decayed else 0.0
            self._step_in_one_pass(gradient, variable, index, learning_rate, decay)
            return
        if is_decayed:
            # In one pass; 1 - 2e-7 is rounded to 1 - 1.8e-7, with 1e4 steps 2e-4 of a weight
            self.assign(variable, variable * (1 - self.weight_decay * learning_rate))
        if not has_kernel:
            super().update_step(gradient, variable, learning_rate)
            return
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )

    def _step_in_one_pass(self, gradient, variable, index, learning_rate, decay):
        step = tf.cast(self.iterations + 1, variable.dtype)
        rest = [1 - tf.pow(beta, step) for beta in (self.beta_1, self.beta_2)]
        compiled.adam_w(
            variable,
            self._momentums[index].value,
            self._velocities[index].value,
            gradient,
            learning_rate,
            learning_rate * tf.sqrt(rest[1]) / rest[0],
            decay,
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )

    def _has_kernel_for(self, gradient, variable):
        if not ON_TENSORFLOW or self.amsgrad:
            return False
        return isinstance(gradient, tf.Tensor) and gradient.dtype == variable.dtype == tf.float32

    def _apply_weight_decay(self, variables):
        """Does nothing: `update_step` decays, with the rate of each layer."""

    def _clip_gradients(self, gradients):
        """As Keras's, whose norm of all gradients makes a copy of each."""
        if not ON_TENSORFLOW or self.clipnorm or not self.global_clipnorm:
            return super()._clip_gradients(gradients)
        # What is accumulated is a mean over steps: the norm of the last one is not its norm
        norm = None if self.gradient_accumulation_steps else self.given_norm
        return tf.clip_by_global_norm(gradients, self.global_clipnorm, norm)[0]

    def averages(self) -> list[tuple]:
        """The weights that are trained, each with its average; empty without `use_ema`."""
        if not self.use_ema or not self.built:
            return []
        pairs = zip(self._trainable_variables, self._model_variables_moving_average, strict=True)
        return list(pairs)

    def finalize_variable_values(self, var_list):
        """Does nothing: Keras would overwrite the weights by their averages after every `fit`.

        It pairs them by order, wrongly where some weights are frozen, and a run in several goes
        would go on from the averages.
        """

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "layer_decay": self.layer_decay}

    def _use_weight_decay(self, variable):
        return len(variable.shape) >= 2 and super()._use_weight_decay(variable)


def layer_factors(paths: list[str], layer_decay: float) -> list[float]:
    """What the learning rate of each weight is multiplied by.

    Args:
        paths: of all weights that are trained.
        layer_decay: the factor from a layer to the one below.

    Example:
        >>> paths = ["embeddings/token/table", "block_0/attention/k", "block_1/k", "pooler/kernel"]
        >>> layer_factors(paths, 0.5)
        [0.125, 0.25, 0.5, 1.0]
    """
    blocks = [int(found[1]) if (found := BLOCK.search(path)) else None for path in paths]
    num_blocks = max((index + 1 for index in blocks if index is not None), default=0)
    factors = []
    for path, index in zip(paths, blocks, strict=True):
        depth = num_blocks - index if index is not None else 0
        if EMBEDDINGS.search(path):
            depth = num_blocks + 1
        factors.append(layer_decay**depth)
    return factors
