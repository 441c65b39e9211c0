"""KerasHub's models, for whoever has KerasHub."""


def keras_hub_models():
    """The module `keras_nlp.models`.

    Raises:
        ImportError: if it is not installed, with what to do.
    """
    try:
        import keras_nlp
    except ImportError as error:
        raise ImportError(
            "KerasHub presets need the package `keras-nlp`: `pip install keras-nlp`."
        ) from error
    return keras_nlp.models
