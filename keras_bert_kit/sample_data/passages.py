"""Who wrote it? Passages of the six books that ship with the package, each with its author."""

from itertools import pairwise

from keras_bert_kit.sample_data import sample_files

PASSAGE_WORDS = 30  # enough for a style to show, few enough that names of characters are rare


def author_passages() -> dict[str, list[str]]:
    """Passages of some 30 words, whole paragraphs or the parts of long ones.

    Returns:
        Columns of one length: `text`, `label` (the author) and `group` (book and chapter: passages
        of a chapter share names and events, so they should stay on one side of a split).

    Example:
        >>> columns = author_passages()
        >>> sorted(set(columns["label"]))
        ['Baum', 'Carroll', 'Dickens', 'Doyle', 'Stevenson', 'Wells']
    """
    columns: dict[str, list[str]] = {"text": [], "label": [], "group": []}
    for file in sample_files():
        author = file.stem.partition("-")[0].capitalize()
        chapters = file.read_text(encoding="utf-8").split("\n\n")
        for number, chapter in enumerate(chapters, start=1):
            for passage in _passages(chapter.split()):
                columns["text"].append(passage)
                columns["label"].append(author)
                columns["group"].append(f"{file.stem}, chapter {number}")
    return columns


def _passages(words: list[str]) -> list[str]:
    """Runs of `PASSAGE_WORDS` words; the rest of the chapter belongs to the last one."""
    count = max(1, len(words) // PASSAGE_WORDS)
    borders = [i * PASSAGE_WORDS for i in range(count)] + [len(words)]
    return [" ".join(words[first:stop]) for first, stop in pairwise(borders) if stop > first]
