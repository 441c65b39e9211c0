"""What a pre-training begins with: a new model, a trained one, or a student of a trained one."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from recipes.pretraining_options import USUAL_PAIRS, Options, check_apart, with_defaults


class Beginning(NamedTuple):
    """What a run begins with, where it is a model.

    Attributes:
        source: where the model is from.
        start: the model, its tokenizer and its description.
        teacher: the model that it is to learn from, if there is one.
    """

    source: str
    start: object
    teacher: object = None


def begin(options: Options) -> tuple[Options, Beginning | None]:
    """The options with nothing left open, and the model to begin with, if there is one."""
    from keras_bert_kit.continued_pretraining import load_for_pretraining
    from keras_bert_kit.tasks.distilled_pretraining import load_teacher, pretraining_student

    check_apart(options)
    source = options.teacher or options.continue_from
    if source is None:
        options = with_defaults(options)
        check_length(options, options.max_positions, "Raise `--max-positions`, or shorten")
        return options, None
    said = f"--teacher {source}" if options.teacher else f"--continue-from {source}"
    if Path(options.output, options.name).resolve() == Path(source).expanduser().resolve():
        raise ValueError(f"`{said}` is the folder of this run: give the run another `--name`.")
    if options.teacher:
        if options.pairs == "next_sentence":
            raise ValueError(
                "A student learns from masked tokens and its teacher alone, without next "
                "sentences: leave `--pairs` out."
            )
        teacher = load_teacher(source, options.teacher_dtype)
        distillation = options.distillation.for_pretraining(teacher.description.family)
        options = replace(options, distillation=distillation)
        start = pretraining_student(
            teacher, distillation, dropout=options.dropout, dtype=options.dtype
        )
        beginning = Beginning(source, start, teacher)
    else:
        next_sentence = options.pairs == "next_sentence" if options.pairs else None
        start = load_for_pretraining(
            source, next_sentence, dropout=options.dropout, dtype=options.dtype
        )
        beginning = Beginning(source, start)
    check_own(options, beginning, said)
    positions = start.description.encoder.max_sequence_length
    check_length(options, positions, "Shorten")
    return options, beginning


def check_own(options: Options, beginning: Beginning, said: str) -> None:
    """Refuses options that say of the model what is not so."""
    from keras_bert_kit.continued_pretraining import contradictions

    differences = contradictions(beginning.start, asdict(options), options.vocabulary)
    if differences:
        raise ValueError(
            f"These options contradict `{said}`: {'; '.join(differences)}. Leave them out: the "
            f"{'student has its teacher' if beginning.teacher else 'model'}'s own are taken."
        )


def check_length(options: Options, max_positions: int, what_to_do: str) -> None:
    """Refuses examples that are longer than the model can read."""
    if options.sequence_length > max_positions:
        raise ValueError(
            f"`--sequence-length {options.sequence_length}` is longer than the model can read: it "
            f"has {max_positions} positions. {what_to_do} the examples."
        )


def describe(options: Options, beginning: Beginning | None, vocabulary_size: int):
    """What the model is: the one to begin with, or a new one as the options have it."""
    from keras_bert_kit.config import encoder_config
    from keras_bert_kit.model_description import ModelDescription

    if beginning:
        return beginning.start.description
    next_sentence = (options.pairs or USUAL_PAIRS[options.model]) == "next_sentence"
    encoder = encoder_config(
        options.size,
        options.model,
        vocabulary_size=vocabulary_size,
        dropout=options.dropout,
        max_sequence_length=options.max_positions,
        pooler=next_sentence,  # which nothing else would train
    )
    return ModelDescription(encoder, "pretraining", {"next_sentence": next_sentence})


def first_model(options: Options, beginning: Beginning | None, description, token_counts) -> tuple:
    """The model with its first weights, and what these are, in words."""
    from keras_bert_kit.compression.students import taken_layers
    from keras_bert_kit.training.mimetic import start_mimetic

    if beginning is None:
        model = description.build(options.dtype)
        if options.start == "mimetic":
            start_mimetic(model, token_counts)
        return model, options.start
    start = beginning.start
    first_weights = f"those of {beginning.source}"
    if beginning.teacher and options.distillation.student is None:
        of_teacher = beginning.teacher.description.encoder.num_layers
        taken = taken_layers(of_teacher, options.distillation.chosen_layers)
        first_weights += ": embeddings, head and, of its blocks 0 to "
        first_weights += f"{of_teacher - 1}, {', '.join(map(str, taken))}"
    elif beginning.teacher:
        first_weights = f"those of {options.distillation.student}"
        if options.distillation.layers:
            first_weights += f", {start.description.encoder.num_layers} of its blocks"
    if start.new_parts:
        first_weights += f"; new and random: {', '.join(start.new_parts)}"
    print(f"First weights: {first_weights}. `--start` is of no effect.")
    return start.model, first_weights


def set_beside(model, beginning: Beginning, others: Mapping[str, str | Path], heldout):
    """A student beside its teacher, and beside other models, on the same masked tokens."""
    from keras_bert_kit import pretrained
    from keras_bert_kit.tasks.distillation_comparison import STUDENT, TEACHER
    from keras_bert_kit.tasks.pretraining_comparison import compare_pretrained

    models = {TEACHER: beginning.teacher.model, STUDENT: model}
    models |= {who: pretrained.load(folder).model for who, folder in others.items()}
    return compare_pretrained(models, heldout)


def new_tokenizer(options: Options, folder, sources, reading: dict):
    """A tokenizer with the vocabulary that is given, that the run has, or that is learned now."""
    from keras_bert_kit.data.corpus_vocabulary import learn_corpus_vocabulary
    from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
    from keras_bert_kit.text.tokenizer_files import make_tokenizer
    from keras_bert_kit.text.vocabulary import Vocabulary

    byte_pair = options.model == "roberta"
    if options.vocabulary:
        read = BytePairVocabulary.read if byte_pair else Vocabulary.read
        vocabulary = read(options.vocabulary)
    else:
        vocabulary = folder.read_vocabulary()
    if vocabulary is None:
        vocabulary = learn_corpus_vocabulary(
            sources,
            options.vocabulary_size,
            byte_pair=byte_pair,
            lowercase=options.lowercase,
            alphabet_size=options.alphabet_size,
            **reading,
        )
    return make_tokenizer(vocabulary, {} if byte_pair else {"lowercase": options.lowercase})
