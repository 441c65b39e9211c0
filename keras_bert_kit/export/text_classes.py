"""Strings to classes, values and embeddings, all inside the graph."""

import tensorflow as tf

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.features import num_special
from keras_bert_kit.data.inputs import HEAD_SHARE, InputOptions
from keras_bert_kit.data.packing import cut_longest
from keras_bert_kit.export.graph_inputs import in_chunks, pack
from keras_bert_kit.export.graph_windows import windows
from keras_bert_kit.export.served_model import serve
from keras_bert_kit.text.bytepair_graph import replace_invalid


class ClassesOfTexts:
    """What a model says of whole texts, or of pairs of them: as `Bundle.predict_text`, in graph.

    Args:
        bundle: a classifier, a regression, or an encoder for embeddings.
        options: how texts are read.
    """

    def __init__(self, bundle: Bundle, options: InputOptions):
        self.bundle = bundle
        self.options = options

    def __call__(self, *texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the model says of texts.

        Args:
            *texts: strings `(B,)`: the texts, and of pairs the second texts.

        Returns:
            As `serve`; of a text in windows the mean of the probabilities, values or embeddings,
            and `logits` that these probabilities come of.
        """
        tokens = [self.bundle.tokenizer(replace_invalid(column)) for column in texts]
        rows, inputs = self._inputs(tokens)
        said = in_chunks(lambda x: serve(self.bundle.model, x), inputs)
        if self.options.long_texts != "windows":
            return said
        num_rows = tf.size(texts[0])
        pooled = {
            name: tf.math.unsorted_segment_mean(values, rows, num_rows)
            for name, values in said.items()
            if name != "logits"
        }
        if "probabilities" in pooled:
            share = pooled["probabilities"]
            pooled["logits"] = tf.math.log(share)
            if self.bundle.model.arguments["problem"] == "multi_label":
                pooled["logits"] -= tf.math.log1p(-share)
        return pooled

    def _inputs(self, segments: list[tf.RaggedTensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The row of each input, and the inputs."""
        vocabulary, long_texts = self.bundle.tokenizer.vocabulary, self.options.long_texts
        room = self.options.sequence_length - num_special(len(segments), vocabulary)
        lengths = [tf.cast(segment.row_lengths(), tf.int32) for segment in segments]
        if long_texts == "windows":
            # A short B leaves more than half of the room to A.
            kept = [tf.minimum(a, tf.maximum(room // 2, room - lengths[-1])) for a in lengths[:-1]]
            room_of_last = room - sum(kept) if kept else tf.fill(tf.shape(lengths[-1]), room)
            found = windows(lengths[-1], room_of_last, self.options.stride)
            values, starts = _joined(segments)
            starts = [tf.gather(start, found.rows) for start in starts]
            starts[-1] += found.starts
            kept = [*(tf.gather(x, found.rows) for x in kept), found.stops - found.starts]
            rows = found.rows
        else:
            kept = tf.unstack(cut_longest(tf.stack(lengths, axis=1), room), axis=1)
            if long_texts == "head_tail":
                segments = [_head_and_tail(*both) for both in zip(segments, kept, strict=True)]
            values, starts = _joined(segments)
            rows = tf.range(tf.size(kept[0], tf.int64))
        return rows, pack(values, starts, kept, vocabulary, self.bundle.encoder)


def _joined(segments: list[tf.RaggedTensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """All tokens, and where among them each text begins, int32, for each of the segments."""
    starts, before = [], 0
    for segment in segments:
        starts.append(tf.cast(segment.row_starts(), tf.int32) + before)
        before += tf.size(segment.flat_values)
    return tf.concat([segment.flat_values for segment in segments], 0), starts


def _head_and_tail(tokens: tf.RaggedTensor, num_kept: tf.Tensor) -> tf.RaggedTensor:
    """As `data.inputs.head_and_tail`, for every row."""
    lengths = tf.cast(tokens.row_lengths(), tf.int32)
    starts = tf.cast(tokens.row_starts(), tf.int32)
    head = tf.cast(tf.cast(num_kept, tf.float64) * HEAD_SHARE, tf.int32)
    head = tf.where(lengths > num_kept, head, num_kept)
    ends = starts + lengths
    kept = tf.concat(
        [tf.ragged.range(starts, starts + head), tf.ragged.range(ends - num_kept + head, ends)], 1
    )
    return tf.gather(tokens.flat_values, kept)
