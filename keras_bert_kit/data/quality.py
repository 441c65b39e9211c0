"""Simple rules by which documents that are no prose are left out of a corpus."""

from dataclasses import dataclass

from keras_bert_kit.data.corpus import Document


@dataclass(frozen=True)
class QualityRules:
    """Rules of Gopher's data set, with its limits.

    Words are what white space separates: text that does without it has none of a usual length.

    Reference:
        Rae et al., "Scaling Language Models: Methods, Analysis & Insights from Training Gopher",
        2021, appendix A.1.1 ("Quality Filtering" and "Repetition Removal").

    Example:
        >>> rules = QualityRules(min_words=3)
        >>> print(rules.broken_by(["It rained all day,", "and we stayed in."]))
        None
        >>> rules.broken_by(["It rained all day,", "It rained all day,"])
        'repeated lines'
    """

    min_words: int = 50
    """Fewest words of a document."""
    max_words: int = 100_000
    """Most words of a document."""
    min_mean_word_length: float = 3.0
    """Shortest mean length of its words, in characters."""
    max_mean_word_length: float = 10.0
    """Longest mean length of its words."""
    min_words_with_letters: float = 0.8
    """Smallest share of words that have a letter."""
    max_repeated_lines: float = 0.3
    """Largest share of lines that stood further up already."""
    max_repeated_characters: float = 0.2
    """Largest share of characters that are in such lines."""

    def broken_by(self, document: Document) -> str | None:
        """The first rule that a document breaks, or None."""
        words = [word for line in document for word in line.split()]
        if len(words) < self.min_words:
            return "too few words"
        if len(words) > self.max_words:
            return "too many words"
        length = sum(map(len, words)) / max(len(words), 1)
        if not self.min_mean_word_length <= length <= self.max_mean_word_length:
            return "mean word length"
        with_letters = sum(any(map(str.isalpha, word)) for word in words)
        if with_letters < self.min_words_with_letters * len(words):
            return "words without letters"
        repeated = _repeated(document)
        characters, all_characters = sum(map(len, repeated)), sum(map(len, document))
        if (
            len(repeated) > self.max_repeated_lines * len(document)
            or characters > self.max_repeated_characters * all_characters
        ):
            return "repeated lines"
        return None


def _repeated(lines: Document) -> list[str]:
    seen: set[str] = set()
    return [line for line in lines if line in seen or seen.add(line)]
