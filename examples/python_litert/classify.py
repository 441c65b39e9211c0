"""Classifies texts with a `.tflite` file, where neither TensorFlow nor keras-bert-kit is installed.

    pip install ai-edge-litert==2.3.0 numpy
    python classify.py dynamic_int8.tflite "A film to see twice." "Dull."

Without texts it reads lines from its input. All that it needs is in the one file: the model, and
behind it a zip archive with vocabulary, labels and how texts are to be tokenised.
"""

import argparse
import json
import string
import sys
import unicodedata
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

MAX_CHARACTERS_PER_WORD = 100  # BERT makes longer words [UNK]
CHINESE = (  # each such character is a word
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF)),
    *((0x2A700, 0x2B81F), (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F)),
)
# The ids of the published models were made with Unicode tables of 2015: marks and punctuation that
# are newer count as letters, and three characters have another category.
NEWER = (
    *((0x61D, 0x61D), (0x7FD, 0x7FD), (0x890, 0x8E2), (0x9FD, 0x9FE), (0xA76, 0xA76)),
    *((0xAFA, 0xAFF), (0xB55, 0xB55), (0xC04, 0xC3C), (0xC77, 0xC77), (0xC84, 0xC84)),
    *((0xD00, 0xD00), (0xD3B, 0xD3C), (0xD81, 0xD81), (0xEBA, 0xEBA), (0x180F, 0x1886)),
    *((0x1ABF, 0x1ACE), (0x1B7D, 0x1B7E), (0x1DF6, 0x1DFB), (0x2E43, 0x2E5D), (0xA82C, 0xA82C)),
    *((0xA8C5, 0xA8C5), (0xA8FF, 0xA8FF), (0xA9BD, 0xA9BD), (0x10D24, 0x10F89)),
    *((0x11070, 0x11074), (0x110C2, 0x110CD), (0x111CF, 0x111CF), (0x1123E, 0x1123E)),
    *((0x1133B, 0x1133B), (0x11438, 0x1145E), (0x11660, 0x1166C), (0x116B9, 0x116B9)),
    *((0x1182F, 0x11FFF), (0x12FF1, 0x13438), (0x16E97, 0x16F4F), (0x16FE2, 0x16FE4)),
    *((0x1CF00, 0x1CF46), (0x1E000, 0x1E2EF), (0x1E944, 0x1E95F)),
)
OLD_CATEGORIES = {"\u166d": "Po", "\u1734": "Mn", "\U000111c9": "Po"}


class WordPiece:
    """BERT's tokenizer: clean, split into words, of every word the longest pieces first.

    Args:
        vocabulary: the tokens in the order of their ids.
        lowercase: whether the model knows small letters only.
        strip_accents: whether accents are dropped.

    Example:
        >>> wordpiece = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "read", "##ing", "!"])
        >>> wordpiece.words("Réading!")
        ['reading', '!']
        >>> wordpiece("Réading!")
        [4, 5, 6]
    """

    def __init__(self, vocabulary: list[str], lowercase: bool = True, strip_accents: bool = True):
        self.ids = {token: index for index, token in enumerate(vocabulary)}
        self.lowercase, self.strip_accents = lowercase, strip_accents

    def __call__(self, text: str) -> list[int]:
        """The ids of a text, without `[CLS]` and `[SEP]`."""
        return [index for word in self.words(text) for index in self.pieces(word)]

    def words(self, text: str) -> list[str]:
        """The words, cleaned; punctuation and Chinese characters are words of their own."""
        text = "".join(map(clean, text))
        if self.strip_accents:  # decomposed, an accent is a "non-spacing mark" after its letter
            decomposed = unicodedata.normalize("NFD", text)
            text = "".join(c for c in decomposed if _category(c) != "Mn")
        if self.lowercase:  # one by one, as BERT: no final sigma
            text = "".join(c.lower() for c in text)
        return "".join(f" {c} " if is_punctuation(c) else c for c in text).split()

    def pieces(self, word: str) -> list[int]:
        """The ids of a word: its longest beginning in the vocabulary, then that of the rest."""
        if len(word) > MAX_CHARACTERS_PER_WORD:
            return [self.ids["[UNK]"]]
        found, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = word[start:end] if start == 0 else "##" + word[start:end]
                if piece in self.ids:
                    break
            else:
                return [self.ids["[UNK]"]]
            found.append(self.ids[piece])
            start = end
        return found


class LiteFile:
    """A model out of a file, with its labels and its tokenizer.

    Args:
        path: a `.tflite` that keras-bert-kit exported.

    Attributes:
        about: what the file says of itself.
        labels: names of the classes; None if the model has none.
        tokenizer: makes the ids of a text.

    Raises:
        ValueError: if the file does not hold what these programs need.
    """

    def __init__(self, path: str | Path):
        files = packed_files(path)
        self.about = json.loads(files["about.json"])
        options = self.about["tokenizer"]
        if options["kind"] != "WordPieceTokenizer":
            raise ValueError(f"{path} is read by a {options['kind']}; this program has WordPiece.")
        self.labels = lines(files["labels.txt"]) if "labels.txt" in files else None
        vocabulary = lines(files["vocab.txt"])
        self.tokenizer = WordPiece(vocabulary, options["lowercase"], options["strip_accents"])
        self._run = Interpreter(str(path)).get_signature_runner()
        self._inputs = list(self._run.get_input_details())
        if "token_ids" not in self._inputs:
            raise ValueError(f"{path} has its tokenizer inside; this program brings its own.")

    def run(self, ids: list[int]) -> dict[str, np.ndarray]:
        """What the model says of the ids of a text, without the axis of the batch.

        `[CLS]` and `[SEP]` are put around them. What the model has no room for is left out.
        """
        length = self.about["sequence_length"]  # None if it takes inputs of any length
        most = length or self.about.get("max_sequence_length")  # older files do not say
        if most is not None and len(ids) > most - 2:
            print(f"Read {most - 2} of {len(ids)} tokens.", file=sys.stderr)
            ids = ids[: most - 2]
        ids = [self.tokenizer.ids["[CLS]"], *ids, self.tokenizer.ids["[SEP]"]]
        rows = {name: np.zeros((1, length or len(ids)), np.int32) for name in self._inputs}
        rows["token_ids"][0, : len(ids)] = ids
        rows["padding_mask"][0, : len(ids)] = 1
        return {name: values[0] for name, values in self._run(**rows).items()}


def classify(model: LiteFile, text: str) -> dict[str, float]:
    """The probability of each class, the most probable first; of a regression the value."""
    said = model.run(model.tokenizer(text))
    if model.about["problem"] == "regression":
        return {"value": float(said["value"])}
    found = zip(model.labels, said["probabilities"].tolist(), strict=True)
    return dict(sorted(found, key=lambda one: -one[1]))


def packed_files(path: str | Path) -> dict[str, str]:
    """The texts that stand behind the model in its file, by name.

    Raises:
        ValueError: if there are none.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} holds no vocabulary: export it with keras-bert-kit.")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def lines(text: str) -> list[str]:
    """The lines of a file; `splitlines` would end one at U+2028 too, which is a token of some."""
    return text.removesuffix("\n").split("\n")


def clean(character: str) -> str:
    """A space for white space, nothing for what does not show, Chinese with spaces around."""
    if character in "\t\n\r":
        return " "
    if character == "\ufffd" or _category(character) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if character.isspace():
        return " "
    if is_among(character, CHINESE):
        return f" {character} "
    return character


def is_punctuation(character: str) -> bool:
    """Whether it is punctuation to BERT: also `$` and the like, of ASCII."""
    return character in string.punctuation or _category(character).startswith("P")


@cache
def _category(character: str) -> str:
    """What kind of character it is, as Unicode had it."""
    if is_among(character, NEWER):
        return "Lo"
    return OLD_CATEGORIES.get(character) or unicodedata.category(character)


def is_among(character: str, blocks: tuple[tuple[int, int], ...]) -> bool:
    """Whether it is in one of the blocks."""
    return any(first <= ord(character) <= last for first, last in blocks)


def main() -> None:
    """Prints what the model says of each text."""
    model, texts = read_command_line(__doc__, "classifiers", "ClassificationModel")
    for text in texts:
        print(text)
        for label, value in classify(model, text).items():
            print(f"  {value:.6f}  {label}")


def read_command_line(description: str, reads: str, kind: str) -> tuple:
    """The model, of this kind, and the texts: those that are given, or lines of the input."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="the .tflite file")
    parser.add_argument("texts", nargs="*", help="what to read; by default lines of the input")
    arguments = parser.parse_args()
    if not arguments.model.is_file():
        parser.error(f"there is no file {arguments.model}")
    try:
        model = LiteFile(arguments.model)
    except ValueError as error:
        parser.error(str(error))
    if model.about["model"] != kind:
        parser.error(f"{arguments.model} is a {model.about['model']}; this reads {reads}.")
    return model, arguments.texts or (line.removesuffix("\n") for line in sys.stdin)


if __name__ == "__main__":
    main()
