"""Finds named entities with a `.tflite` file, as `classify.py` classifies.

pip install ai-edge-litert==2.3.0 numpy
python tag.py dynamic_int8.tflite "Ada Lovelace lived in London."
"""

from classify import CHINESE, LiteFile, clean, is_among, is_punctuation, read_command_line


def entities(model: LiteFile, text: str) -> list[tuple[str, int, int, float]]:
    """Of each entity the label, where it begins and ends in the text, and its probability.

    The first piece of a word speaks for it. `B-X` begins an entity and `I-X` goes on with it, or
    begins one where none of that label goes before. An entity is as probable as its least certain
    word.
    """
    words = spans(text)
    pieces = [model.tokenizer(text[start:end]) for start, end in words]
    said = model.run([index for word in pieces for index in word])["probabilities"]  # (T, C)
    found, at, open_label = [], 1, None  # place 0 is [CLS]
    for (start, end), word in zip(words, pieces, strict=True):
        is_read = word and at < len(said) - 1  # [SEP] is the last at the latest
        prefix, label = parts(model.labels[said[at].argmax()] if is_read else "O")
        if prefix == "I" and label == open_label:
            _, start, _, before = found.pop()
            found.append((label, start, end, min(before, float(said[at].max()))))
        elif prefix != "O":
            found.append((label, start, end, float(said[at].max())))
        open_label = label if prefix in ("B", "I") else None
        at += len(word)
    return found


def parts(tag: str) -> tuple[str, str]:
    """`B`, `I`, `O` or nothing, and the label.

    Example:
        >>> parts("B-PER"), parts("O"), parts("I"), parts("PER")
        (('B', 'PER'), ('O', ''), ('I', '_'), ('', 'PER'))
    """
    if tag == "O":
        return "O", ""
    if tag in ("B", "I"):  # of tags that name no label
        return tag, "_"
    return (tag[0], tag[2:]) if tag[:2] in ("B-", "I-") else ("", tag)


def spans(text: str) -> list[tuple[int, int]]:
    """Where each word begins and ends; punctuation and Chinese characters are words.

    Example:
        >>> spans("In Zürich, 你好!")
        [(0, 2), (3, 9), (9, 10), (11, 12), (12, 13), (13, 14)]
    """
    found, is_open = [], False
    for at, character in enumerate(text):
        is_white = clean(character) == " "
        is_alone = is_punctuation(character) or is_among(character, CHINESE)
        if is_open and not is_white and not is_alone:
            found[-1] = (found[-1][0], at + 1)
        elif not is_white:
            found.append((at, at + 1))
        is_open = not is_white and not is_alone
    return found


def main() -> None:
    """Prints the entities of each text."""
    model, texts = read_command_line(__doc__, "taggers", "TaggingModel")
    for text in texts:
        print(text)
        for label, start, end, probability in entities(model, text):
            print(f"  {probability:.6f}  {label}  {start}-{end}  {text[start:end]}")


if __name__ == "__main__":
    main()
