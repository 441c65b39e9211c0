"""Finds named entities with a `.tflite` file, as `classify.py` classifies.

pip install ai-edge-litert==2.3.0 numpy
python tag.py dynamic_int8.tflite "Ada Lovelace lived in London."
"""

import numpy as np
from classify import CHINESE, LiteFile, clean, is_among, is_punctuation, read_command_line


def entities(model: LiteFile, text: str) -> list[tuple[str, int, int, float]]:
    """Of each entity the label, where it begins and ends in the text, and its probability.

    The first piece of a word speaks for it. `B-X` begins an entity and `I-X` goes on with it, or
    begins one where none of that label goes before. An entity is as probable as its least certain
    word.
    """
    words = spans(text)
    pieces = [model.tokenizer(text[start:end]) for start, end in words]
    of_tokens = model.run([index for word in pieces for index in word])["probabilities"]  # (T, C)
    said = np.zeros((len(words), len(model.labels)))  # of each word, which is "O" if it is not read
    said[:, model.labels.index("O") if "O" in model.labels else 0] = 1.0
    at = 1  # place 0 is [CLS]
    for number, word in enumerate(pieces):
        if word and at < len(of_tokens) - 1:  # [SEP] is the last at the latest
            said[number] = of_tokens[at]
        at += len(word)
    tags = likeliest(said, model.labels, model.about.get("tag_scheme"))
    found, open_label = [], None
    for (start, end), tag, shares in zip(words, tags, said, strict=True):
        prefix, label = parts(model.labels[tag])
        if prefix == "I" and label == open_label:
            _, start, _, before = found.pop()
            found.append((label, start, end, min(before, float(shares[tag]))))
        elif prefix != "O":
            found.append((label, start, end, float(shares[tag])))
        open_label = label if prefix in ("B", "I") else None
    return found


def likeliest(said: np.ndarray, labels: list[str], scheme: str | None) -> list[int]:
    """The tag of each word, of probabilities `(W, C)`.

    Where the model has learned from IOB2, those of the likeliest sequence in which every `I-X`
    follows `B-X` or `I-X` (Viterbi's algorithm); else the likeliest of each word.

    Example:
        >>> said = np.array([[0.5, 0.4, 0.1], [0.3, 0.1, 0.6]])
        >>> likeliest(said, ["O", "B-PER", "I-PER"], "IOB2")
        [1, 2]
        >>> likeliest(said, ["O", "B-PER", "I-PER"], None)
        [0, 2]
    """
    if scheme != "IOB2" or not len(said):
        return said.argmax(axis=1).tolist()
    tags = [parts(label) for label in labels]
    may_follow = [
        [
            prefix != "I" or (before in ("B", "I") and label == label_before)
            for prefix, label in tags
        ]
        for before, label_before in [*tags, ("O", "")]  # the last: at the beginning
    ]
    cost = np.where(may_follow, 0.0, -np.inf)
    scores = np.log(np.maximum(said, 1e-30))
    best, came_from = scores[0] + cost[-1], []  # best: the best path to each tag
    for score in scores[1:]:
        paths = best[:, None] + cost[:-1]
        came_from.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + score
    found = [int(best.argmax())]
    for origins in reversed(came_from):
        found.append(int(origins[found[-1]]))
    return found[::-1]


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
