"""Text to WordPiece ids inside the TensorFlow graph (first version; the exact path follows)."""

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_kit.text.vocabulary import UNKNOWN, Vocabulary


class WordPieceTokenizer(tf.Module):
    """BERT's tokenizer as graph operations."""

    def __init__(self, vocabulary: Vocabulary, lowercase: bool = True):
        super().__init__(name="word_piece_tokenizer")
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self._fast = tf_text.FastBertTokenizer(
            list(vocabulary.tokens),
            unknown_token=UNKNOWN,
            token_out_type=tf.int32,
            lower_case_nfd_strip_accents=lowercase,
        )

    def __call__(self, texts, special_tokens: bool = False):
        """Token ids of `texts`: `(T,)` for a string, ragged `(B, None)` for a batch."""
        texts = tf.convert_to_tensor(texts)
        if texts.shape.rank == 0:
            return self._fast.tokenize(texts[None]).flat_values
        return self._fast.tokenize(texts)
