"""The card of a trained model: what it learned from, with what, how long, and how good it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_bert_kit.bundle import Bundle
from keras_bert_kit.data.shards import Shards
from keras_bert_kit.evaluation.pretraining import results_table
from keras_bert_kit.text.tokenizer_files import AnyTokenizer, tokenizer_options


def pretraining_card(
    name: str,
    command: str,
    corpus: Mapping[str, object],
    training: Mapping[str, object],
    results: Mapping[str, float],
    cloze: str,
    family: str = "bert",
    mask_token: str = "[MASK]",
    continued_from: str | None = None,
    teacher: str | None = None,
    comparison: str | None = None,
) -> str:
    """The card of a pre-trained model as Markdown.

    Args:
        name: name of the model.
        command: the command that trained it.
        corpus: facts about the text, by label.
        training: facts about the training, by label.
        results: what `evaluate_pretraining` returned.
        cloze: what `cloze_table` returned.
        family: `"bert"`, `"roberta"` or `"distilbert"`.
        mask_token: what a blank is called.
        continued_from: the model whose weights were the first ones, if it was not random ones.
        teacher: the model that it was distilled from, if there was one.
        comparison: what to say of it beside its teacher.
    """
    kind = {"bert": "BERT", "roberta": "RoBERTa", "distilbert": "DistilBERT"}[family]
    heads = "masked-token and next-sentence heads"
    if "next_sentence_accuracy" not in results:
        heads = "masked-token head"
    start = f"pre-trained further from `{continued_from}`" if continued_from else ""
    start = start or (f"distilled from `{teacher}`" if teacher else "pre-trained from scratch")
    beside = f"\n## Beside its teacher\n\n{comparison}\n" if comparison else ""
    return f"""# {name}

A {kind} encoder with its {heads}, {start} with
keras-bert-kit:

```
{command}
```

## Text

{_list(corpus)}

## Training

{_list(training)}

![training curve](curve.png)

## How good it is

{results_table(results)}
{beside}
## What it fills in

One sentence of held-out text a line, chosen by rule and not by hand (see
`keras_bert_kit/data/cloze.py`): the word in bold was masked, its five likeliest fillings follow.

{cloze}

## Use

```python
from keras_bert_kit.bundle import Bundle

bundle = Bundle.from_pretrained("saved_models/{name}")
print(bundle.fill_mask(["He opened the {mask_token} and looked out."]))
```
"""


def corpus_facts(
    sources: Sequence[str | Path],
    shards: Mapping[str, Shards],
    tokenizer: AnyTokenizer,
    excluded: Sequence[str | Path] = (),
) -> dict[str, object]:
    """Facts about the text that a model is trained on, by label.

    Args:
        sources: where it is from.
        shards: what `build_shards` returned.
        tokenizer: what they were made with.
        excluded: files whose texts were left out.
    """
    facts = {
        "sources": _names(sources),
        "documents trained on": shards["train"].num_documents,
        "documents held out": shards["heldout"].num_documents,
    }
    if excluded:
        label = f"documents left out, equal to a text of {_names(excluded)}"
        facts[label] = shards["train"].num_excluded_documents
    kind = ", lowercased" * getattr(tokenizer, "lowercase", False)
    if "lowercase" not in tokenizer_options(tokenizer):
        kind = ", byte-level BPE"
    return facts | {
        "tokens trained on": shards["train"].num_tokens,
        "vocabulary": f"{len(tokenizer.vocabulary):,} pieces{kind}",
    }


def cloze_table(bundle: Bundle, examples: list[tuple[list[int], int]]) -> str:
    """Predictions for masked sentences as a Markdown table.

    Args:
        bundle: the model.
        examples: what `cloze_sentences` returned.
    """
    lines = ["| sentence | fillings |", "| --- | --- |"]
    if not examples:
        return "\n".join(lines)
    tokenizer, vocabulary = bundle.tokenizer, bundle.tokenizer.vocabulary
    predictions = bundle.fill_masked_ids([ids for ids, _ in examples])
    for (ids, answer), ((guesses,)) in zip(examples, predictions, strict=True):
        at = ids.index(vocabulary.mask_id)
        before, after = (
            tokenizer.detokenize(part).numpy().decode().strip() if part else ""
            for part in (ids[:at], ids[at + 1 :])
        )
        word = vocabulary.text_of(answer).strip()
        sentence = f"{before} **{word}** {after}".replace("|", "\\|")
        words = (f"{t.strip().replace('|', chr(92) + '|')} {share:.2f}" for t, share in guesses)
        lines.append(f"| {sentence} | {', '.join(words)} |")
    return "\n".join(lines)


def _names(sources: Sequence[str | Path]) -> str:
    return ", ".join(Path(source).name for source in sources)


def _list(facts: Mapping[str, object]) -> str:
    return "\n".join(
        f"- {label}: {value:,}" if isinstance(value, int) else f"- {label}: {value}"
        for label, value in facts.items()
    )
