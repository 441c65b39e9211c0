"""A small model of each task with its tokenizer, every weight random, and odd texts to read."""

import random

from reference_bert import randomize

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.inputs import InputOptions
from keras_bert_kit.encoder import Encoder
from keras_bert_kit.models import ClassificationModel, SpanModel, TaggingModel
from keras_bert_kit.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

WORDS = ("the", "star", "shines", "bread", "is", "warm", "far", "who", "ada", "smiled", ".", "?")
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789你好é"
ODD = (
    *("Ada", "the star", "WARM", "naïve", "e\u0301", "\u0301", "你好", "😀", "👩\u200d👩\u200d👧"),
    *("\u200b", "\x00", "\ud83d", "\ufffd", "\u2028", "\r\n", "\n", "\t", "\u3000", "\xa0"),
    *(".", "“", "’", "Straße", "\u0130", "[MASK]", "##a", "", " ", "ﬁ", "\U00020000", "x" * 110),
)
LABELS = {
    "classification": ("bad", "good", "so so"),
    "multilabel": ("a", "b", "c"),
    "regression": None,
    "tagging": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
    "questions": None,
}
TASKS = tuple(LABELS)


def tiny_bundle(
    task: str,
    inputs: InputOptions | None = InputOptions(16, "windows", 5),  # noqa: B008 (frozen)
    no_answer_threshold: float | None = None,
    tag_scheme: str | None = None,
    positions: int = 18,
) -> Bundle:
    """A model of a task, by the name that `recipes.finetune` has for it."""
    pieces = [*CHARACTERS, *(f"##{c}" for c in CHARACTERS)]
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *dict.fromkeys([*WORDS, *pieces])])
    encoder = Encoder(
        vocabulary_size=len(vocabulary),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        max_sequence_length=positions,
    )
    labels = LABELS[task]
    if task == "tagging":
        model = TaggingModel(encoder, len(labels))
    elif task == "questions":
        model = SpanModel(encoder)
    else:
        problem = {
            "classification": "single_label",
            "multilabel": "multi_label",
            "regression": "regression",
        }
        model = ClassificationModel(encoder, len(labels or "1"), problem=problem[task])
    randomize(model)
    tokenizer = WordPieceTokenizer(vocabulary)
    return Bundle(tokenizer, model, labels, inputs, no_answer_threshold, tag_scheme)


def odd_texts(seed: int, count: int, most_parts: int) -> list[str]:
    """Texts of odd parts, empty ones among them; the same for the same seed."""
    chance = random.Random(seed)
    return [
        "".join(
            chance.choice(ODD if chance.random() < 0.6 else WORDS) + chance.choice(("", " ", " "))
            for _ in range(chance.randrange(most_parts + 1))
        )
        for _ in range(count)
    ]
