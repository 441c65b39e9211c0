"""Questions and contexts to answers with their places, all inside the graph."""

from typing import NamedTuple

import tensorflow as tf

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.answers import MAX_ANSWER_TOKENS
from keras_bert_kit.data.features import num_special
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.data.spans import MAX_QUESTION_TOKENS
from keras_bert_kit.export.character_table import combining_marks
from keras_bert_kit.export.graph_inputs import in_chunks, pack
from keras_bert_kit.export.graph_windows import beginnings, richest_windows, windows
from keras_bert_kit.export.graph_words import characters_before
from keras_bert_kit.export.served_model import serve
from keras_bert_kit.text.bytepair_graph import replace_invalid

NEVER = float("-inf")


class AnswersOfTexts:
    """What contexts answer to questions: as `Bundle.predict_text`, inside the graph.

    Args:
        bundle: a model of questions, with a tokenizer that knows offsets in the graph.
        options: how contexts are read.
    """

    def __init__(self, bundle: Bundle, options: InputOptions):
        self.bundle = bundle
        self.options = options

    def __call__(self, questions: tf.Tensor, contexts: tf.Tensor) -> dict[str, tf.Tensor]:
        """The best answer to each question.

        Args:
            questions: strings `(B,)`.
            contexts: strings `(B,)`, the texts that hold the answers.

        Returns:
            Each `(B,)`: `answer`, strings, empty for none; `start` and `end`, int32, its place in
            the context, in characters, 0 for none; `probability`, float32. See `best_answers`.
        """
        tokenizer, model = self.bundle.tokenizer, self.bundle.model
        contexts = replace_invalid(contexts)
        asked = tokenizer(replace_invalid(questions))
        tokens, *places = tokenizer.tokenize_with_offsets(contexts)
        starts, ends = _in_characters(contexts, *places)

        room = self.options.sequence_length - num_special(2, tokenizer.vocabulary)
        question_lengths = tf.minimum(
            tf.cast(asked.row_lengths(), tf.int32), min(MAX_QUESTION_TOKENS, room // 2)
        )
        lengths = tf.cast(tokens.row_lengths(), tf.int32)
        if self.options.long_texts == "windows":
            found = windows(lengths, room - question_lengths, self.options.stride)
        else:
            found = beginnings(lengths, room - question_lengths)
        first_of_question, first_of_context = (
            tf.gather(tf.cast(x.row_starts(), tf.int32), found.rows) for x in (asked, tokens)
        )
        before = tf.size(asked.flat_values)  # in what is packed
        question_lengths = tf.gather(question_lengths, found.rows)
        inputs = pack(
            tf.concat([asked.flat_values, tokens.flat_values], 0),
            [first_of_question, before + first_of_context + found.starts],
            [question_lengths, found.stops - found.starts],
            tokenizer.vocabulary,
            self.bundle.encoder,
        )
        said = in_chunks(lambda x: serve(model, x), inputs)

        # Of each place in an input the token of a context that is there, if any is.
        length = tf.shape(inputs["token_ids"])[1]
        to_token = found.starts - (1 + question_lengths + tokenizer.vocabulary.separators_between)
        token = tf.range(length)[None, :] + to_token[:, None]  # (F, T)
        is_context = (token >= found.starts[:, None]) & (token < found.stops[:, None])
        token = tf.where(is_context, token + first_of_context[:, None], 0)
        starts, ends, chosen = (
            tf.gather(tf.concat([x, [0]], 0), token)
            for x in (starts, ends, self._richest(tokens, found))
        )
        is_end = is_context & (ends > starts)
        is_start = is_end & (chosen == found.numbers[:, None])
        best = _best_spans(said["start_logits"], said["end_logits"], is_start, is_end, found.rows)
        is_answered = best.score > NEVER
        score, total = best.score, best.total
        if (threshold := self.bundle.no_answer_threshold) is not None:
            total = _log_of_sum(best.none, total)
            is_none = is_answered & (best.none - score > threshold)
            score = tf.where(is_none, best.none, score)
        probability = tf.where(is_answered, tf.exp(score - total), 1.0)
        if threshold is not None:
            is_answered &= ~is_none
        start = tf.where(is_answered, tf.gather_nd(starts, best.first), 0)
        end = tf.where(is_answered, tf.gather_nd(ends, best.last), 0)
        return {
            "answer": tf.strings.substr(contexts, start, end - start, unit="UTF8_CHAR"),
            "start": start,
            "end": end,
            "probability": tf.cast(probability, tf.float32),
        }

    def _richest(self, tokens: tf.RaggedTensor, found) -> tf.Tensor:
        """For every token of the contexts the window that shows most around it, `(N,)`."""
        row = tokens.value_rowids()
        at = tf.range(tf.size(row, tf.int64)) - tf.gather(tokens.row_starts(), row)
        at = tf.cast(at, tf.int32)
        return richest_windows(found, tokens.nrows(), row, at, at + 1)


class _Best(NamedTuple):
    """Of each of R questions, in float64: the best span's score, the log of the sum over all spans
    of `exp(score)`, the score of no answer; and `(R, 2)`: the input and the place in it where the
    best span begins, and where it ends."""

    score: tf.Tensor
    total: tf.Tensor
    none: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor


def _best_spans(start_logits, end_logits, is_start, is_end, rows) -> _Best:
    """The best spans of all windows of each question; logits and masks are `(F, T)`."""
    start_logits, end_logits = (tf.cast(x, tf.float64) for x in (start_logits, end_logits))
    none = tf.math.segment_min(start_logits[:, 0] + end_logits[:, 0], rows)
    length = tf.shape(start_logits)[1]
    ends = tf.pad(
        tf.where(is_end, end_logits, NEVER), [[0, 0], [0, MAX_ANSWER_TOKENS]], constant_values=NEVER
    )
    ends = tf.stack([ends[:, j : j + length] for j in range(MAX_ANSWER_TOKENS)], axis=2)
    scores = tf.where(is_start[:, :, None], start_logits[:, :, None] + ends, NEVER)  # (F, T, J)

    best_from = tf.reduce_max(scores, axis=2)  # (F, T)
    score = tf.math.segment_max(tf.reduce_max(best_from, axis=1), rows)  # (R,)
    reference = tf.where(score > NEVER, score, 0.0)
    mass = tf.reduce_sum(tf.exp(scores - tf.gather(reference, rows)[:, None, None]), axis=(1, 2))
    total = reference + tf.math.log(tf.math.segment_sum(mass, rows))

    # Of equally good spans the one that begins first, then the one that ends first.
    is_best = best_from == tf.gather(score, rows)[:, None]
    count = tf.size(is_best)
    number = tf.reshape(tf.range(count), tf.shape(is_best))
    first = tf.math.segment_min(tf.reduce_min(tf.where(is_best, number, count), axis=1), rows)
    first = tf.stack([first // length, first % length], axis=1)  # (R, 2)
    size = tf.argmax(tf.gather_nd(scores, first), axis=1, output_type=tf.int32)
    return _Best(score, total, none, first, first + tf.stack([0 * size, size], axis=1))


def _log_of_sum(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """`log(exp(a) + exp(b))`; `a` is finite."""
    highest = tf.maximum(a, b)
    return highest + tf.math.log(tf.exp(a - highest) + tf.exp(b - highest))


def _in_characters(
    texts: tf.Tensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Places in bytes as places in characters, as `data.token_places` has them, `(N,)` int32.

    Combining marks that the tokenizer dropped behind a piece are in it.
    """
    row = starts.value_rowids()
    characters = tf.strings.unicode_decode(texts, "UTF-8")
    starts, ends = (characters_before(texts, row, x.flat_values) for x in (starts, ends))
    last_of_row = tf.concat([row[1:] != row[:-1], [True]], 0)[: tf.size(row)]
    sizes = tf.cast(characters.row_lengths(), tf.int32)
    following = tf.where(
        last_of_row, tf.gather(sizes, row), tf.concat([starts[1:], [0]], 0)[: tf.size(row)]
    )
    is_mark = combining_marks()(characters.flat_values)
    others = tf.cast(tf.where(tf.concat([~is_mark, [True]], 0))[:, 0], tf.int32)
    first_of_row = tf.gather(tf.cast(characters.row_starts(), tf.int32), row)
    after_marks = tf.gather(others, tf.searchsorted(others, first_of_row + ends)) - first_of_row
    has_marks = (ends > starts) & (ends < following)
    return starts, tf.where(has_marks, tf.minimum(after_marks, following), ends)
