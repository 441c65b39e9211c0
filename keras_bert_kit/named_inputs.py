"""A functional model that finds its inputs in a batch by their names."""


class NamedInputs:
    """A mix-in, put before `keras.Model`, for functional models whose inputs are a dict.

    One batch serves every model: a model takes the entries that it has an input for and leaves the
    others, for instance `segment_ids` where there are no segments. Keras pairs values and inputs by
    their order instead: an entry too many shifts the rest, so that a model without segments would
    read the segments as its tokens (Keras 3.15; it warns).

    Example:
        >>> import keras
        >>> class Model(NamedInputs, keras.Model):
        ...     pass
        >>> inputs = {"b": keras.Input((1,), name="b")}
        >>> model = Model(inputs, inputs["b"] * 2)
        >>> one = keras.ops.ones((1, 1))
        >>> float(model({"a": one * 10, "b": one})[0, 0])
        2.0
    """

    def call(self, inputs, training=None, mask=None):
        """As Keras's, on those of `inputs` that this model has."""
        if isinstance(inputs, dict):
            inputs = {name: inputs[name] for name in self.input}
        return super().call(inputs, training=training, mask=mask)
