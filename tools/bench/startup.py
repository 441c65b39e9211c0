"""From the start of a process: imports, a first step of training, a model of BERT-base's size.

Each turn starts a fresh Python, and is all the time until that has ended. Its own peak of memory is
the fact `peak_megabytes`; `seconds_a_start` says the same as the rate, the other way round. The
weights of the base model are random, written once in each library's own way: the kit and
Transformers read the same `model.safetensors`, KerasHub its preset. Every weight is summed up, for
who maps a file has read nothing before. Transformers runs on torch.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from tools.bench.harness import ROOT, Case
from tools.bench.made_files import made

TITLE = "Start"
UNIT = "starts/s"
PEERS = ("keras_hub", "transformers")

# What a child does in the end; the line is read by `_starts`.
_TELL = """
from tools.bench.worker import memory
print("MEMORY", memory().get("peak_megabytes"))
"""

_IMPORTS = {
    "kit": "import keras_bert_kit.models",
    "keras_hub": "import keras_hub",
    "transformers": "import transformers\nfrom transformers import BertModel",
}

_HELP = {
    "kit": """
import runpy, sys
sys.argv = ["pretrain", "--help"]
try:
    runpy.run_module("recipes.pretrain", run_name="__main__")
except SystemExit as end:
    assert not end.code
"""
}

# The sides of `pretraining.py`, at a size that makes the steps themselves nothing.
_STEP = """
import sys
from tools.bench import pretraining
settings = dict(num_layers=2, num_heads=2, hidden_dim=128, dtype="float32", sequence_length=128)
pretraining.SIDES[sys.argv[1]](settings | dict(batch_size=8, steps=1))()
"""

_LOAD = {
    "kit": """
import sys
import tensorflow as tf
from keras_bert_kit import pretrained
model = pretrained.load(sys.argv[2] + "/safetensors", with_tokenizer=False).model
print(sum(float(tf.reduce_sum(weight.value)) for weight in model.weights))
""",
    "keras_hub": """
import sys
import keras_hub
import tensorflow as tf
model = keras_hub.models.BertBackbone.from_preset(sys.argv[2] + "/keras_hub")
print(sum(float(tf.reduce_sum(weight.value)) for weight in model.weights))
""",
    "transformers": """
import sys
import torch
from transformers import BertModel
model = BertModel.from_pretrained(sys.argv[2] + "/safetensors")
with torch.no_grad():
    print(sum(float(weight.sum()) for weight in model.parameters()))
""",
}

CODE = {
    "import": _IMPORTS,
    "help": _HELP,
    "step": dict.fromkeys(("kit", *PEERS), _STEP),
    "load": _LOAD,
}


def cases(smoke: bool) -> list[Case]:
    """Imports, the help of a recipe, a first step, a load."""
    ask_help = Case("`recipes.pretrain --help`", {"what": "help"}, ("kit",))
    if smoke:
        return [ask_help]
    sides = ("kit", *PEERS)
    return [
        Case("import", {"what": "import"}, sides),
        ask_help,
        Case("first step of training", {"what": "step"}, sides),
        Case("load BERT-base", {"what": "load", "size": "base"}, sides),
    ]


def make_models(folder: Path, size: str) -> None:
    """Writes a BERT with random weights as a Hugging Face folder and as a KerasHub preset."""
    from dataclasses import asdict

    from keras_bert_kit.config import encoder_config
    from keras_bert_kit.convert import hugging_face, keras_hub
    from keras_bert_kit.encoder import Encoder

    model = Encoder(**asdict(encoder_config(size)))
    hugging_face.write_model(model, folder / "safetensors")
    keras_hub.write_model(model, folder / "keras_hub")


def _side(side: str):
    def make(settings):
        what = settings["what"]
        arguments = [side]
        if what == "load":
            size = settings["size"]
            arguments.append(str(made(f"bert-{size}", make_models, size)))
        code = CODE[what][side]

        def work():
            started, processor = time.perf_counter(), _processor_seconds()
            command = [sys.executable, "-c", code + _TELL, *arguments]
            run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - started
            if run.returncode:
                raise RuntimeError(run.stderr.strip().splitlines()[-1])
            peak = float(run.stdout.split("MEMORY")[-1])
            return {
                "amount": 1,
                "seconds_a_start": seconds,
                "processor_seconds": _processor_seconds() - processor,
                "peak_megabytes": peak,
            }

        return work

    return make


def _processor_seconds() -> float:
    """Of the processes that were started and have ended."""
    times = os.times()
    return times.children_user + times.children_system


SIDES = {side: _side(side) for side in ("kit", *PEERS)}
