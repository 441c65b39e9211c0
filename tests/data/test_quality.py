"""Each rule by itself, on either side of its limit."""

import pytest

from keras_bert_kit.data.quality import QualityRules

PROSE = ["The rain had stopped, and", "we went out at last."]


def test_prose_breaks_no_rule():
    assert QualityRules(min_words=10).broken_by(PROSE) is None


@pytest.mark.parametrize(
    ("document", "rules", "broken"),
    [
        (PROSE, {"min_words": 11}, "too few words"),
        (PROSE, {"min_words": 10, "max_words": 9}, "too many words"),
        (["it is so"], {}, "mean word length"),  # 6 letters, 3 words
        (["one two six"], {}, None),  # exactly 3 letters each
        (["extraordinary-words"], {}, "mean word length"),  # 19 letters
        (["abcdefghij"], {}, None),  # exactly 10
        (["1234 5678 rain fell here"], {}, "words without letters"),  # 3 of 5
        (["1234 we're rain fell here"], {}, None),  # 4 of 5
        (["\u4eca\u65e5\u306f\u96e8"], {}, None),  # letters are not only Latin
        # One line of three is there again: a third of the lines.
        (["rain", "a longer line of text", "rain"], {}, "repeated lines"),
        # One line of four, but more than a fifth of the characters.
        (["rain rain", "snow snow", "hail", "rain rain"], {}, "repeated lines"),
        (["rain", "snow and hail", "then nothing more", "rain"], {}, None),  # 4 of 38
        ([], {"min_words": 0}, "mean word length"),
    ],
)
def test_rules(document, rules, broken):
    assert QualityRules(**({"min_words": 0} | rules)).broken_by(document) == broken


def test_the_limits_are_gophers():
    rules = QualityRules()
    assert rules.broken_by(["some words"] * 24) == "too few words"
    assert (rules.min_words, rules.max_words) == (50, 100_000)
    assert (rules.min_mean_word_length, rules.max_mean_word_length) == (3, 10)
    assert rules.min_words_with_letters == 0.8
    assert (rules.max_repeated_lines, rules.max_repeated_characters) == (0.3, 0.2)
