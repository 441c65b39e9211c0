"""When two texts are the same one: if only case and white space tell them apart."""

from collections.abc import Iterable
from hashlib import blake2b


def text_digest(texts: Iterable[str], exact: bool = False) -> bytes:
    """A digest of one text, or of several that belong together, to compare and to remember it by.

    Args:
        texts: the text, or the parts of it in order.
        exact: whether case and white space make two texts different.

    Returns:
        16 bytes.

    Example:
        >>> text_digest(["A  b\\n"]) == text_digest(["a B"])
        True
        >>> text_digest(["a b"]) == text_digest(["a", "b"])
        False
    """
    if not exact:
        texts = [" ".join(text.casefold().split()) for text in texts]
    # A digest for each text rather than the text again. Lone surrogates are no UTF-8.
    key = "\0".join(texts).encode("utf-8", "surrogatepass")
    return blake2b(key, digest_size=16).digest()
