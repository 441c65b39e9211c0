"""Trained models as what others run: SavedModel, TensorFlow Lite, ONNX."""
