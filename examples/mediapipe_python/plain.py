"""Texts as BERT's own tokenizer cleans them, for clients whose tokenizer does less."""

import unicodedata


def plain(text: str) -> str:
    """Small letters without accents, plain spaces, nothing that does not show.

    MediaPipe's tokenizer makes small only A to Z and keeps accents, so that "naïve" and "É" would
    be unknown words. With this before it, it reads them as the model did in training.

    Example:
        >>> plain("NAÏVE\\u00a0É\\u200b!")
        'naive e!'
    """
    text = text.translate(dict.fromkeys(map(ord, "\t\n\r"), " "))
    dropped = ("Cc", "Cf", "Co", "Cs")  # control and format characters, private use, surrogates
    shown = [c for c in text if unicodedata.category(c) not in dropped and c != "\ufffd"]
    spaced = "".join(" " if c.isspace() else c for c in shown)
    decomposed = unicodedata.normalize("NFD", spaced)  # an accent is a mark after its letter
    return "".join(c.lower() for c in decomposed if unicodedata.category(c) != "Mn")
