"""Documents to token ids, in parallel processes, in order and with a bounded number in flight."""

import multiprocessing
import os
import re
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import wait
from typing import Any, NamedTuple

import numpy as np

from keras_bert_kit.data.corpus import Document
from keras_bert_kit.data.sentences import sentences
from keras_bert_kit.quiet import standard_error_closed
from keras_bert_kit.text.batches import character_batches
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.vocabulary import Vocabulary

CALL_CHARACTERS = 1 << 20  # per call of the tokenizer: bounds its memory for a huge document
CHUNKS_IN_FLIGHT = 2  # per process: one at work, one waiting
GRAPH_CHARACTERS = 4_000_000  # from here on making the graph of BPE, about two seconds, pays off
_LONG_WORD = re.compile(r"\S{300}|\s{300}")

Tokenize = Callable[[list[str]], tuple[np.ndarray, np.ndarray]]
"""Texts to their ids, flat, and the number of ids of each text."""


class TokenizedDocuments(NamedTuple):
    """Token ids of several documents, flat.

    Attributes:
        tokens: of all documents, `(T,)`.
        sentence_lengths: tokens in each sentence that has any, int64.
        sentence_counts: such sentences in each document, int64; 0 for a document without tokens.
        text_bytes: length of each document in UTF-8, int64.
    """

    tokens: np.ndarray
    sentence_lengths: np.ndarray
    sentence_counts: np.ndarray
    text_bytes: np.ndarray


def word_piece(
    vocabulary: Vocabulary, lowercase: bool, strip_accents: bool | None = None
) -> Tokenize:
    """Makes the function that tokenises, from a `WordPieceTokenizer`; imports TensorFlow."""
    from keras_bert_kit.text.wordpiece import WordPieceTokenizer

    return _flat(WordPieceTokenizer(vocabulary, lowercase, strip_accents), vocabulary)


def byte_pair(vocabulary: BytePairVocabulary, add_prefix_space: bool = False) -> Tokenize:
    """Makes the function that tokenises, from a `BytePairTokenizer`; imports TensorFlow.

    From some megabytes on it works in the graph, which takes seconds to make and then is several
    times as fast. Not so where words may be very long: the graph goes over all words until the
    longest one is merged.
    """
    from keras_bert_kit.text.bytepair import BytePairTokenizer

    usual = _flat(BytePairTokenizer(vocabulary, add_prefix_space), vocabulary)
    graph = cache(lambda: _flat(_byte_pair_graph(vocabulary, add_prefix_space), vocabulary))
    num_characters = 0

    def tokenize(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        nonlocal num_characters
        num_characters += sum(map(len, texts))
        if num_characters < GRAPH_CHARACTERS or any(map(_LONG_WORD.search, texts)):
            return usual(texts)
        return graph()(texts)

    return tokenize


def _byte_pair_graph(vocabulary: BytePairVocabulary, add_prefix_space: bool) -> Callable:
    import tensorflow as tf

    from keras_bert_kit.text.bytepair import BytePairTokenizer

    tokenizer = BytePairTokenizer(vocabulary, add_prefix_space, in_graph=True)
    return tf.function(
        lambda texts: tokenizer(texts),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )


def _flat(tokenizer, vocabulary) -> Tokenize:
    dtype = np.uint16 if len(vocabulary) <= 65_536 else np.int32

    def tokenize(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        ids = tokenizer(texts)
        return ids.flat_values.numpy().astype(dtype), ids.row_lengths().numpy()

    return tokenize


def tokenize_in_order(
    chunks: Iterable[tuple[Any, list[Document]]],
    make_tokenize: Callable[[], Tokenize],
    num_processes: int,
    joint: str = "",
) -> Iterator[tuple[Any, TokenizedDocuments]]:
    """Tokenises chunks of documents in `num_processes` processes, or in this one if that is 1.

    Args:
        chunks: pairs of a label, which stays here, and the documents of the chunk.
        make_tokenize: called once in each process.
        num_processes: how many processes.
        joint: see `sentences`.

    Yields:
        For each chunk, in order, its label and its tokens.

    Raises:
        RuntimeError: if a process died.
    """
    if num_processes == 1:
        tokenize = make_tokenize()
        for label, documents in chunks:
            yield label, tokenize_documents(documents, tokenize, joint)
        return
    executor = ProcessPoolExecutor(
        num_processes,
        mp_context=multiprocessing.get_context("spawn"),  # TensorFlow does not survive a fork
        initializer=_start_worker,
        initargs=(make_tokenize,),
    )
    waiting: deque[tuple[Any, Future]] = deque()
    try:
        for label, documents in chunks:
            with _interrupts_held_back():
                waiting.append((label, executor.submit(_work, documents, joint)))
            if len(waiting) >= CHUNKS_IN_FLIGHT * num_processes:
                label, future = waiting.popleft()
                yield label, future.result()
        while waiting:
            label, future = waiting.popleft()
            yield label, future.result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            "A process that tokenises has died: it was killed, perhaps for want of memory, or "
            "could not start (a script that starts processes needs `if __name__ == '__main__':`). "
            "Run the same again, with a smaller `num_processes` if memory is short: it goes on "
            "after the last whole shard."
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def tokenize_documents(
    documents: list[Document], tokenize: Tokenize, joint: str = ""
) -> TokenizedDocuments:
    """Splits documents into sentences and tokenises them in as few calls as memory allows.

    Args:
        documents: each a list of paragraphs or lines.
        tokenize: texts to flat ids and lengths.
        joint: see `sentences`.

    Example:
        >>> tokenized = tokenize_documents(
        ...     [["Hi. Ho."], ["Hum"]],
        ...     lambda texts: (np.arange(7), np.array([2, 2, 3])),
        ... )
        >>> tokenized.sentence_lengths.tolist(), tokenized.sentence_counts.tolist()
        ([2, 2, 3], [2, 1])
    """
    split = [sentences(document, joint) for document in documents]
    flat = (text for texts in split for text in texts)
    calls = [tokenize(batch) for batch in character_batches(flat, CALL_CHARACTERS)]
    # No document has only empty sentences, but a sentence may have no token: control characters.
    lengths = np.concatenate([lengths for _, lengths in calls])
    in_document = np.repeat(np.arange(len(split)), [len(texts) for texts in split])
    return TokenizedDocuments(
        tokens=np.concatenate([tokens for tokens, _ in calls]),
        sentence_lengths=lengths[lengths > 0],
        sentence_counts=np.bincount(in_document[lengths > 0], minlength=len(split)),
        text_bytes=np.array([sum(len(line.encode()) for line in lines) for lines in documents]),
    )


def each_document(documents: TokenizedDocuments) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Takes documents apart again.

    Yields:
        For each document its tokens, the tokens in each of its sentences, and its bytes of text.
    """
    sentence = token = 0
    counts, sizes = documents.sentence_counts.tolist(), documents.text_bytes.tolist()
    for count, size in zip(counts, sizes, strict=True):
        lengths = documents.sentence_lengths[sentence : sentence + count]
        tokens = documents.tokens[token : token + int(lengths.sum())]
        yield tokens, lengths, size
        sentence += count
        token += len(tokens)


# Of a worker process: what it works with, or why it cannot.
_tokenize: Tokenize | None = None
_failure: Exception | None = None


def _start_worker(make_tokenize: Callable[[], Tokenize]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the GPU's memory is for training
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    global _tokenize, _failure
    try:
        with standard_error_closed():
            _tokenize = make_tokenize()
            _tokenize(["a"])
    except Exception as error:
        _failure = error  # raised here, it would not reach the parent


def _work(documents: list[Document], joint: str) -> TokenizedDocuments:
    if _failure:
        raise _failure
    return tokenize_documents(documents, _tokenize, joint)


def _die_with_parent() -> None:
    # A parent that was killed cannot say so, and the queue that we wait on would never end.
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Lets a process start with Ctrl-C blocked: it has no handler yet and would print a traceback.

    One that comes meanwhile reaches this process afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
