"""AdamW as BERT uses it."""

import keras


@keras.saving.register_keras_serializable(package="keras_bert_kit")
class AdamW(keras.optimizers.AdamW):
    """AdamW that decays matrices only: no bias, no scale and no shift of a layer norm.

    This is a rule about shapes, so it outlasts saving and loading; what is told to
    `exclude_from_weight_decay`, which adds to it, does not (Keras 3.15).

    Args:
        learning_rate: a number or a schedule.
        weight_decay: the decoupled decay, multiplied by the learning rate.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: 1e-6, as in the original code.
        global_clipnorm: the largest norm of all gradients together.
        **kwargs: any other argument of `keras.optimizers.AdamW`.

    Reference:
        https://arxiv.org/abs/1711.05101; BERT, appendix A.2, https://arxiv.org/abs/1810.04805
    """

    def __init__(
        self,
        learning_rate=1e-4,
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        global_clipnorm: float | None = 1.0,
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            **kwargs,
        )

    def _use_weight_decay(self, variable):
        return len(variable.shape) >= 2 and super()._use_weight_decay(variable)
