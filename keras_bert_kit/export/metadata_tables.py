"""TensorFlow Lite's metadata as flatbuffers: the few tables that a text model needs.

Each table is written as a dict from the numbers of its fields, in the order of the schema, to their
values. Fields that are left out are absent in the file too.

Reference:
    `metadata_schema.fbs` of https://github.com/tensorflow/tflite-support
"""

import flatbuffers

IDENTIFIER = b"M001"
MIN_PARSER_VERSION = "1.1.0"  # the first that knows tokenizers
BERT_TOKENIZER = 4  # its number among the kinds of `ProcessUnitOptions`
DESCRIPTIONS, AXIS_LABELS, VOCABULARY = 1, 2, 5  # kinds of associated files


def associated_file(name: str, description: str, kind: int) -> dict:
    """`AssociatedFile`: a file that is packed behind the model."""
    return {0: name, 1: description, 2: kind}


def bert_tokenizer(vocabulary: dict) -> dict:
    """`ProcessUnit` with `BertTokenizerOptions`: the client tokenises, with this file."""
    return {0: BERT_TOKENIZER, 1: {0: [vocabulary]}}


def tensor(name: str, description: str, files: list[dict] = ()) -> dict:
    """`TensorMetadata` of an input or an output."""
    return {0: name, 1: description} | ({6: list(files)} if files else {})


def model(
    name: str,
    description: str,
    inputs: list[dict],
    outputs: list[dict],
    input_units: list[dict],
    files: list[dict],
) -> bytes:
    """`ModelMetadata` of a model of one graph, as bytes.

    Args:
        name: of the model.
        description: what it is.
        inputs: `tensor`s in the order of the graph's inputs.
        outputs: the same of its outputs.
        input_units: what makes the inputs of a text: one `bert_tokenizer`, or nothing.
        files: `associated_file`s that belong to no tensor.

    Example:
        >>> b"a.txt" in model("x", "y", [], [], [], [associated_file("a.txt", "z", VOCABULARY)])
        True
    """
    graph = {2: inputs, 3: outputs} | ({5: input_units} if input_units else {})
    root = {0: name, 1: description, 3: [graph], 6: files, 7: MIN_PARSER_VERSION}
    builder = flatbuffers.Builder(1_024)
    builder.Finish(_write(builder, root), IDENTIFIER)
    return bytes(builder.Output())


def _write(builder: flatbuffers.Builder, value: str | list | dict) -> int:
    """Writes a string, a list of tables or a table; returns where it is.

    What a table points to is written before it, as flatbuffers want it.
    """
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, list):
        places = [_write(builder, one) for one in value]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):  # a vector is written from its end
            builder.PrependUOffsetTRelative(place)
        return builder.EndVector()
    places = {
        field: _write(builder, one) for field, one in value.items() if not isinstance(one, int)
    }
    builder.StartObject(max(value) + 1)
    for field, one in value.items():
        if isinstance(one, int):  # enumerations and kinds of unions, all of one byte
            builder.PrependUint8Slot(field, one, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(field, places[field], 0)
    return builder.EndObject()
