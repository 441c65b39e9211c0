"""Each scheme by hand, then random entities through all of them and back."""

import random

import pytest
from seqeval.metrics.sequence_labeling import get_entities

from keras_bert_kit.data.tag_schemes import (
    SCHEMES,
    Entity,
    begun,
    detect_scheme,
    entities,
    tags_of,
    to_iob2,
)

# Two people side by side, a place of three words, an organisation of one behind it.
IN_IOB2 = ["B-PER", "B-PER", "I-PER", "O", "B-LOC", "I-LOC", "I-LOC", "B-ORG"]
BY_HAND = {
    "IOB2": IN_IOB2,
    "IOB1": ["I-PER", "B-PER", "I-PER", "O", "I-LOC", "I-LOC", "I-LOC", "I-ORG"],
    "BIOES": ["S-PER", "B-PER", "E-PER", "O", "B-LOC", "I-LOC", "E-LOC", "S-ORG"],
    "BILOU": ["U-PER", "B-PER", "L-PER", "O", "B-LOC", "I-LOC", "L-LOC", "U-ORG"],
    "BMES": ["S-PER", "B-PER", "E-PER", "O", "B-LOC", "M-LOC", "E-LOC", "S-ORG"],
    "IOE2": ["E-PER", "I-PER", "E-PER", "O", "I-LOC", "I-LOC", "E-LOC", "E-ORG"],
    "IOE1": ["E-PER", "I-PER", "I-PER", "O", "I-LOC", "I-LOC", "I-LOC", "I-ORG"],
}


@pytest.mark.parametrize("scheme", BY_HAND)
def test_each_scheme_by_hand(scheme):
    tags = BY_HAND[scheme]
    found = detect_scheme([tags])
    assert found.scheme == scheme
    assert found.num_entities == 4
    assert found.faults[scheme] == 0
    assert found.faulty == []
    assert to_iob2(tags, scheme) == IN_IOB2
    assert entities(tags) == [(0, 1, "PER"), (1, 3, "PER"), (4, 7, "LOC"), (7, 8, "ORG")]
    assert tags_of(entities(tags), 8, scheme) == tags


def test_io_joins_entities_of_one_type_that_touch():
    tags = ["I-PER", "I-PER", "O", "I-LOC", "I-ORG"]
    assert detect_scheme([tags]).scheme == "IO"
    assert to_iob2(tags, "IO") == ["B-PER", "I-PER", "O", "B-LOC", "B-ORG"]
    assert tags_of([Entity(0, 1, "PER"), Entity(1, 2, "PER")], 2, "IO") == ["I-PER", "I-PER"]


def written_word_by_word(found, num_words, scheme):
    """Another way to write tags: each word looks for its entity and for the neighbours of that."""
    by_word = {i: entity for entity in found for i in range(entity.start, entity.stop)}
    tags = []
    for i in range(num_words):
        if i not in by_word:
            tags.append("O")
            continue
        start, stop, kind = by_word[i]
        first, last = i == start, i == stop - 1
        touches_before = start - 1 in by_word and by_word[start - 1].type == kind
        touches_behind = stop in by_word and by_word[stop].type == kind
        if scheme == "IO":
            letter = "I"
        elif scheme == "IOB2":
            letter = "B" if first else "I"
        elif scheme == "IOB1":
            letter = "B" if first and touches_before else "I"
        elif scheme == "IOE2":
            letter = "E" if last else "I"
        elif scheme == "IOE1":
            letter = "E" if last and touches_behind else "I"
        else:
            names = {"BIOES": "SBEI", "BILOU": "UBLI", "BMES": "SBEM"}[scheme]
            letter = names[0 if first and last else 1 if first else 2 if last else 3]
        tags.append(f"{letter}-{kind}")
    return tags


def random_entities(generator, touching=True):
    found, word = [], 0
    while word < 30:
        word += generator.choice([0, 0, 1, 1, 2, 3])
        stop = word + generator.choice([1, 1, 2, 3, 4])
        kind = generator.choice(["PER", "LOC", "MULTI-WORD", "人"])
        if not touching and found and found[-1].stop == word and found[-1].type == kind:
            word += 1
            stop += 1
        found.append(Entity(word, stop, kind))
        word = stop
    return found, word + generator.choice([0, 1])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(25))
def test_random_entities_survive_every_scheme(scheme, seed):
    generator = random.Random(seed)
    sentences = [random_entities(generator, touching=scheme != "IO") for _ in range(20)]
    tags = [written_word_by_word(*sentence, scheme) for sentence in sentences]
    found = detect_scheme(tags)
    assert found.scheme == scheme
    assert found.faults[scheme] == 0
    assert found.num_entities == sum(len(sentence) for sentence, _ in sentences)
    for row, (expected, num_words) in zip(tags, sentences, strict=True):
        assert entities(row) == expected
        assert tags_of(expected, num_words, scheme) == row
        converted = to_iob2(row, found.scheme)
        assert converted == written_word_by_word(expected, num_words, "IOB2")
        assert entities(converted) == expected


@pytest.mark.parametrize("seed", range(50))
def test_any_sequence_at_all_can_be_read_and_means_the_same_in_iob2(seed):
    generator = random.Random(seed)
    letters = generator.choice(["BI", "I", "BIES", "BILU", "BMES", "IE"])
    possible = ["O", *(f"{letter}-{kind}" for letter in letters for kind in "XY")]
    tags = generator.choices(possible, k=40)
    found = entities(tags)
    covered = {i for entity in found for i in range(entity.start, entity.stop)}
    assert covered == {i for i, tag in enumerate(tags) if tag != "O"}
    scheme = detect_scheme([tags]).scheme
    if scheme != "IOB2":
        assert entities(to_iob2(tags, scheme)) == found


def test_faults_are_counted_and_do_not_change_iob2():
    sentences = [["B-X", "I-X"], ["O", "I-X", "I-X"], ["B-X", "I-Y"], ["B-X"]]
    found = detect_scheme(sentences)
    assert found.scheme == "IOB2"
    assert found.faults == {"IOB2": 2, "IOB1": 3, "BIOES": 6, "BILOU": 6}
    assert found.faulty == [1, 2]
    assert found.num_entities == 5
    assert to_iob2(sentences[1], "IOB2") == sentences[1]
    # Who wants them to be right says that they are IOB1, where they are.
    assert to_iob2(sentences[1], "IOB1") == ["O", "B-X", "I-X"]


def test_a_few_slips_do_not_hide_the_scheme():
    iob2 = [["B-X", "I-X", "O"]] * 9 + [["I-X", "I-X", "O"]]
    assert detect_scheme(iob2).scheme == "IOB2"
    iob1 = [["I-X", "B-X", "O"]] * 9 + [["B-X", "I-X", "O"]]
    assert detect_scheme(iob1).scheme == "IOB1"


def test_a_type_ends_an_entity_in_every_scheme():
    assert entities(["I-X", "I-Y", "E-Y"]) == [(0, 1, "X"), (1, 3, "Y")]


def test_entities_may_only_be_single_words():
    assert detect_scheme([["B-X", "O", "B-X"]]).scheme == "IOB2"
    assert detect_scheme([["S-X", "O", "S-X"]]).scheme == "BIOES"
    assert detect_scheme([["U-X", "O", "U-X"]]).scheme == "BILOU"
    assert detect_scheme([["E-X", "O", "E-X"]]).scheme == "IOE2"


def test_tags_without_entities():
    assert detect_scheme([["O", "O"], []]).num_entities == 0
    assert to_iob2(["O", "O"], detect_scheme([["O"]]).scheme) == ["O", "O"]
    assert to_iob2([], "BIOES") == []


@pytest.mark.parametrize("tags", [["NN", "VB", "-LRB-", "O"], ["B", "I"], ["1", "0"], ["b-per"]])
def test_tags_that_mark_no_entities_are_plain(tags):
    found = detect_scheme([tags])
    assert found.scheme == "plain"
    assert str(found) == "plain tags, which mark no entities"
    assert to_iob2(tags, "plain") == tags


def test_the_evidence_is_said():
    assert str(detect_scheme([["B-X", "I-X", "O"]])) == (
        "IOB2: 1 entities; letters B 1, I 1, O 1; words against the rules of IOB2 0, IOB1 1, "
        "BIOES 1, BILOU 1"
    )


def test_what_nothing_begins_begins_itself_and_the_entities_stay_what_they_are():
    draw = random.Random(0)
    for _ in range(300):
        tags = draw.choices(["O", "B-X", "I-X", "B-Y-Z", "I-Y-Z"], k=draw.randrange(8))
        found = begun(tags)
        assert get_entities(found) == get_entities(tags)
        assert detect_scheme([found], "IOB2").faults == {"IOB2": 0}
        assert begun(found) == found
    assert begun(["I", "I", "O", "B", "I"]) == ["B", "I", "O", "B", "I"]


def test_a_slip_among_entities_is_not_taken_for_plain_tags():
    with pytest.raises(ValueError) as error:
        detect_scheme([["B-PER", "0", "0"], ["BPER", "O"]])
    assert str(error.value) == (
        "2 of 4 different tags are neither 'O' nor like 'B-PER': '0' (2), 'BPER' (1). Correct "
        'them, or give `scheme="plain"` if these tags mark no entities.'
    )
    assert detect_scheme([["B-PER", "0"]], "plain").scheme == "plain"


def test_letters_that_do_not_go_together():
    with pytest.raises(ValueError, match=r"Tags with the letters E, L, O are of no scheme\. The"):
        detect_scheme([["E-X", "O", "L-X"]])
    with pytest.raises(ValueError, match=r"letters B, I are not of the scheme IO\. .*IOB2, IOB1,"):
        detect_scheme([["B-X", "I-X"]], "IO")


def test_a_scheme_that_is_given_stands():
    found = detect_scheme([["B-X", "I-X"]], "BIOES")
    assert (found.scheme, found.faults, found.faulty) == ("BIOES", {"BIOES": 1}, [0])


def test_a_misspelt_scheme():
    message = "`scheme` must be one of IO, IOB2, .* plain; received 'BIO'"
    with pytest.raises(ValueError, match=message):
        detect_scheme([["O"]], "BIO")
    with pytest.raises(ValueError, match=message):
        to_iob2(["O"], "BIO")
    with pytest.raises(ValueError, match="IOE1; received 'plain'"):
        tags_of([], 1, "plain")
