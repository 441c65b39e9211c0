"""keras-bert-kit: train, fine-tune, distil and ship BERT with TensorFlow and Keras 3.

Importing the package imports nothing else, so that command lines answer at once; import the module
that you need, for instance `from keras_bert_kit.models import PretrainingModel`.
"""

__version__ = "0.1.0"
