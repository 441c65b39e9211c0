"""A vocabulary learned from the documents of a corpus, of WordPiece or of byte-level BPE."""

from keras_bert_kit.data.corpus import read_documents
from keras_bert_kit.text.learn import learn_vocabulary
from keras_bert_kit.text.learn_bytepair import learn_bytepair_vocabulary
from keras_bert_kit.text.tokenizer_files import AnyVocabulary


def learn_corpus_vocabulary(
    sources,
    vocabulary_size: int = 8_000,
    *,
    byte_pair: bool = False,
    lowercase: bool = True,
    alphabet_size: int = 1_000,
    **reading,
) -> AnyVocabulary:
    """Learns a vocabulary from all documents of some sources.

    Args:
        sources: what `read_documents` takes.
        vocabulary_size: number of tokens.
        byte_pair: whether it is RoBERTa's kind, else BERT's.
        lowercase: whether words are lowercased and stripped of accents first; byte-level BPE never
            does that.
        alphabet_size: characters that get pieces of their own, in WordPiece.
        **reading: how files are read, see `read_documents`.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> file = Path(tempfile.mkdtemp()) / "a.txt"
        >>> _ = file.write_text("A star and a far star.")
        >>> "star" in learn_corpus_vocabulary(file, 30).tokens
        True
    """
    lines = (line for document in read_documents(sources, **reading) for line in document)
    if byte_pair:
        return learn_bytepair_vocabulary(lines, vocabulary_size)
    return learn_vocabulary(
        lines, vocabulary_size, lowercase=lowercase, alphabet_size=alphabet_size
    )
