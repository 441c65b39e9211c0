"""Texts in lists of a size that one call of the tokenizer works on well."""

from collections.abc import Iterable, Iterator


def character_batches(texts: Iterable[str], num_characters: int) -> Iterator[list[str]]:
    """Lists of texts that have `num_characters` together or, with their last one, more.

    Raises:
        TypeError: if `texts` is one string, or holds anything but strings.

    Example:
        >>> list(character_batches(["one", "two", "three", "four"], 5))
        [['one', 'two'], ['three'], ['four']]
    """
    if isinstance(texts, str | bytes):
        raise TypeError("`texts` must be an iterable of strings, got a single one: wrap it in [].")
    batch, size = [], 0
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"`texts` must hold strings, got {type(text).__name__}.")
        batch.append(text)
        size += len(text)
        if size >= num_characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
