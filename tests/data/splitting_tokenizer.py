"""A stand-in for the tokenizer that needs no TensorFlow: a word is a token, and may end badly."""

import os
import time

import numpy as np

from keras_bert_kit.text.vocabulary import Vocabulary


def word_split(vocabulary: Vocabulary, lowercase: bool):
    """Words to ids; words of control characters give none, and some words do what they say."""

    def tokenize(texts):
        words = [text.split() for text in texts]
        flat = [word for line in words for word in line]
        if "DIE" in flat:
            os._exit(3)
        if "SLEEP" in flat:
            time.sleep(0.2)
        ids = [[vocabulary.id_of(word) for word in line if word.strip("\x01")] for line in words]
        tokens = np.array([token for line in ids for token in line], np.uint16)
        return tokens, np.array([len(line) for line in ids], np.int64)

    return tokenize


def cannot_start():
    """What a process gets whose tokenizer lacks something."""
    raise ImportError("No module named 'tensorflow_text'")
