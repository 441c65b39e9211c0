"""Pieces to readable text."""

import pytest
import tensorflow as tf

from keras_bert_kit.text.pieces import join_pieces


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ("read ##ing is fun", "reading is fun"),
        ("##ing and ##s", "##ing ands"),
        ("[MASK] ##ing", "[MASK]ing"),
        ("yes , no ; a : b ! c ? 50 % .", "yes, no; a: b! c? 50%."),
        ("f ( x ) and [ y ]", "f (x) and [ y ]"),
        ("it ' s we ’ re o ' neil don ' t ' s", "it's we’re o ' neil don't ' s"),
        ("# # x", "# # x"),
        ("", ""),
    ],
)
def test_join_pieces(pieces, expected):
    batch = tf.ragged.constant([pieces.split(), ["a"]], dtype=tf.string)
    assert [text.decode() for text in join_pieces(batch).numpy()] == [expected, "a"]
