"""The blocks of the encoder; Keras only."""
