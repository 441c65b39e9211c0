"""SQuAD's JSON, of version 1.1 and 2.0, to rows: one a question."""

from collections.abc import Iterator

from keras_bert_kit.data.unreadable_rows import UnreadableRows


def is_squad(content: object) -> bool:
    """Whether `content`, read from JSON, has the shape of SQuAD's files.

    Example:
        >>> is_squad({"version": "1.1", "data": [{"title": "Normans", "paragraphs": []}]})
        True
        >>> is_squad({"data": "text"})
        False
    """
    data = content.get("data") if isinstance(content, dict) else None
    return isinstance(data, list) and all(
        isinstance(article, dict) and "paragraphs" in article for article in data
    )


def squad_rows(content: dict, name: str, bad: UnreadableRows) -> Iterator[tuple[int, dict]]:
    """Reads the questions of a SQuAD file, in order.

    Args:
        content: the file, read from JSON.
        name: what error messages call it.
        bad: takes the questions that are not what SQuAD says.

    Yields:
        The number of the question, from 1, and its columns: `answers` is
        `{"text": [...], "answer_start": [...]}`, or `None` where the file has none for it;
        `is_impossible` tells whether the question has no answer. Offsets are not checked here.

    Raises:
        ValueError: if there is anything but objects in its lists.

    Example:
        >>> question = {"id": "q1", "question": "Where?", "answers": []}
        >>> paragraph = {"context": "Here.", "qas": [question]}
        >>> content = {"data": [{"title": "Places", "paragraphs": [paragraph]}]}
        >>> [(number, row)] = squad_rows(content, "dev.json", UnreadableRows())
        >>> row["answers"], row["is_impossible"]
        ({'text': [], 'answer_start': []}, True)
    """
    number = 0
    for index, article in enumerate(content["data"], start=1):
        for paragraph in _objects(article, "paragraphs", f"{name}, article {index}"):
            where = f"{name}, a paragraph of article {index}"
            for question in _objects(paragraph, "qas", where):
                number += 1
                try:
                    row = _row(article, paragraph, question)
                except (KeyError, TypeError) as error:
                    missing = f"no {error}" if isinstance(error, KeyError) else str(error)
                    bad.add(
                        f"{name}, question {number} (id {question.get('id')!r}) is not "
                        f"as in SQuAD: {missing}. Expected `id`, `question` and `answers` "
                        "with `text` and `answer_start`, in a paragraph with `context`.",
                        error,
                    )
                    continue
                yield number, row


def _objects(holder: dict, key: str, where: str) -> list[dict]:
    """The list of objects under a key, empty where there is no such key."""
    found = holder.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError(
            f"{where} is not as in SQuAD: its `{key}` should be a list of objects. Received: "
            f"{str(found)[:40]!r}."
        )
    return found


def _row(article: dict, paragraph: dict, question: dict) -> dict:
    answers = question.get("answers")
    if answers is not None:
        answers = {
            "text": [_typed(answer, "text", str) for answer in answers],
            "answer_start": [_typed(answer, "answer_start", int) for answer in answers],
        }
    return {
        "id": str(question["id"]),
        "title": article.get("title", ""),
        "context": _typed(paragraph, "context", str),
        "question": _typed(question, "question", str),
        "answers": answers,
        "is_impossible": is_impossible(question.get("is_impossible"), answers),
    }


def is_impossible(given: object, answers: dict | None) -> bool:
    """Whether a question has no answer: as the source says, or because its list is empty."""
    if given is not None:
        return bool(given)
    return answers is not None and not answers["text"]


def _typed(holder: dict, key: str, kind: type):
    value = holder[key]
    if not isinstance(value, kind):
        raise TypeError(f"`{key}` is {value!r}, not {kind.__name__}")
    return value
