"""Writes `squad_golden.json`: what the official SQuAD scripts say of awkward answers.

    python tests/evaluation/make_squad_golden.py evaluate-v2.0.py evaluate-v1.1.py

The scripts are those of https://rajpurkar.github.io/SQuAD-explorer/, which are no part of the kit.
"""

import importlib.util
import json
import random
import sys
from pathlib import Path

GOLDEN = Path(__file__).with_name("squad_golden.json")
WORDS = [
    *["the", "The", "a", "an", "A", "cat", "Cat,", "the", "cat", "U.S.", "--", "–", "—", "“dog”"],
    *["theory", "the-cat", "the–cat", "a_b", "%", "İzmir", "ß", "中国", "the\u00a0end", "an'"],
    *["", "  ", "\t", "don't", "10", "10,000"],
]


def main(script_2: str, script_1: str) -> None:
    """Makes the cases, scores them with both scripts and writes them."""
    official_2, official_1 = _load(script_2, "squad_2"), _load(script_1, "squad_1")
    draw = random.Random(0)
    cases = []
    for number in range(40):
        answerable = number % 4 == 0
        references = {
            f"q{i}": [_text(draw) for _ in range(draw.randint(int(answerable), 3))]
            for i in range(draw.randint(1, 8))
        }
        predictions = {
            name: draw.choice([draw.choice([*answers, ""]), _text(draw)])
            for name, answers in references.items()
        }
        order = draw.sample(list(references), len(references))
        scores = {name: draw.choice([draw.random(), draw.gauss(0, 2), 0.5]) for name in order}
        threshold = draw.choice([1.0, 0.5, 0.0])
        data = [{"paragraphs": [{"qas": _questions(references)}]}]
        case = {
            "references": references,
            "predictions": predictions,
            "no_answer_scores": scores,
            "threshold": threshold,
            "official_2": _score_2(official_2, data, predictions, scores, threshold),
        }
        if all(references.values()):
            found = official_1.evaluate(data, predictions)
            case["official_1"] = {name: value / 100 for name, value in found.items()}
        cases.append(case)
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    GOLDEN.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _score_2(script, data, predictions, scores, threshold) -> dict[str, float]:
    """The numbers of the script's `main`, as fractions and under the kit's names."""
    has_answer = script.make_qid_to_has_ans(data)
    raw = script.get_raw_scores(data, predictions)
    exact, f1 = (
        script.apply_no_ans_threshold(values, scores, has_answer, threshold) for values in raw
    )
    every = script.make_eval_dict(exact, f1)
    result = {"exact_match": every["exact"] / 100, "f1": every["f1"] / 100}
    answered = [name for name, has in has_answer.items() if has]
    if answered:
        part = script.make_eval_dict(exact, f1, answered)
        result["has_answer_exact_match"] = part["exact"] / 100
        result["has_answer_f1"] = part["f1"] / 100
    answerless = [name for name, has in has_answer.items() if not has]
    if answerless:
        part = script.make_eval_dict(exact, f1, answerless)
        result["no_answer_accuracy"] = part["exact"] / 100
    best = {}
    script.find_all_best_thresh(best, predictions, *raw, scores, has_answer)
    result["best_exact_match"] = best["best_exact"] / 100
    result["best_exact_match_threshold"] = best["best_exact_thresh"]
    result["best_f1"] = best["best_f1"] / 100
    result["best_f1_threshold"] = best["best_f1_thresh"]
    return result


def _questions(references: dict) -> list[dict]:
    return [
        {"id": name, "answers": [{"text": answer} for answer in answers]}
        for name, answers in references.items()
    ]


def _text(draw: random.Random) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(0, 4)))


def _load(path: str, name: str):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
