"""Labels, vocabulary and a description packed into a LiteRT file, so that clients need no other.

A client such as MediaPipe's TextClassifier finds in the metadata how the text becomes tokens, which
input is which, and what the classes are called. The files themselves stand behind the model as a
zip archive, so that any `unzip` shows them.

What shrinks a model drops its metadata, so this comes last.

Reference:
    https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from keras_bert_kit.export import metadata_tables as tables
from keras_bert_kit.export.lite_model import ABOUT, LABELS, VOCABULARY
from keras_bert_kit.text.tokenizer_files import AnyTokenizer, write_vocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

METADATA = b"TFLITE_METADATA"  # the name that readers look for
EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip archive can name: the same file has the same bytes
KINDS = {  # of files, as the metadata call them
    VOCABULARY: ("Tokens by their ids.", tables.VOCABULARY),
    LABELS: ("Names of the classes.", tables.AXIS_LABELS),
}
ABOUT_IT = ("What programs may want to know.", tables.DESCRIPTIONS)
CLIENT_NAMES = {  # what clients call the inputs
    "token_ids": ("ids", "Tokens of the text."),
    "padding_mask": ("mask", "1 for a token, 0 for padding."),
    "segment_ids": ("segment_ids", "0 for the first text, 1 for the second of a pair."),
}


def pack(
    content: bytes,
    *,
    name: str,
    description: str,
    tokenizer: AnyTokenizer,
    labels: Sequence[str] | None = None,
    about: dict | None = None,
    for_client: bool = False,
) -> bytes:
    """A LiteRT file with its labels, its vocabulary and a description in it.

    Args:
        content: the file as the converter or the quantiser made it.
        name: of the model.
        description: what it is, in a sentence.
        tokenizer: the model's tokenizer.
        labels: names of its classes.
        about: what else programs may want to know, as JSON types.
        for_client: whether a client is to tokenise as the metadata say. Only BERT's lower-casing
            tokenizer can be described so.

    Returns:
        The file; the same for the same arguments.

    Raises:
        ValueError: if a client cannot tokenise as the tokenizer does, or a label has several lines.
    """
    if for_client:
        check_client_tokenizer(tokenizer)
    files = _files(tokenizer, labels, about)
    listed = {one: tables.associated_file(one, *KINDS.get(one, ABOUT_IT)) for one in files}
    of_outputs = [listed.pop(LABELS)] if LABELS in listed else []
    units = [tables.bert_tokenizer(listed.pop(VOCABULARY))] if for_client else []

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    inputs, outputs = _names_in_order(model)
    buffer = schema.BufferT()
    buffer.data = tables.model(
        name,
        description,
        [tables.tensor(*CLIENT_NAMES.get(one, (one, "Text."))) for one in inputs],
        [tables.tensor(one, "What the model says.", of_outputs) for one in outputs],
        units,
        list(listed.values()),
    )
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return _with_files(bytes(flatbuffer_utils.convert_object_to_bytearray(model)), files)


def check_client_tokenizer(tokenizer: AnyTokenizer) -> None:
    """Makes sure that a client can make the same tokens as a tokenizer, of plain text at least.

    Raises:
        ValueError: if it cannot.
    """
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise ValueError(
            "MediaPipe and its like tokenise by WordPiece, but this model reads byte-level BPE: "
            "every text would be misread. Export it without metadata for clients, or with the "
            "tokenizer inside."
        )
    if not tokenizer.lowercase:
        raise ValueError(
            "MediaPipe and its like lower-case every text, but this model is a cased one: it would "
            "not see a capital letter. Export it without metadata for clients, or with the "
            "tokenizer inside."
        )


def _files(
    tokenizer: AnyTokenizer, labels: Sequence[str] | None, about: dict | None
) -> dict[str, bytes]:
    """The files to pack, by name."""
    with tempfile.TemporaryDirectory() as folder:
        write_vocabulary(tokenizer.vocabulary, Path(folder))
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
    files[ABOUT] = json.dumps(about or {}, indent=2, ensure_ascii=False).encode()
    if labels is not None:
        for label in labels:
            if "\n" in label or "\r" in label:
                raise ValueError(
                    f"The label {label!r} has more than one line, but clients read a label a line: "
                    "give the classes other names with `labels`."
                )
        files[LABELS] = "".join(f"{label}\n" for label in labels).encode()
    return files


def _names_in_order(model: schema.ModelT) -> tuple[list[str], list[str]]:
    """Names of inputs and outputs in the order of the graph, which is any."""
    signature, graph = model.signatureDefs[0], model.subgraphs[0]
    both = ((signature.inputs, graph.inputs), (signature.outputs, graph.outputs))
    named = [({one.tensorIndex: one.name.decode() for one in some}, order) for some, order in both]
    return tuple([names[index] for index in order] for names, order in named)


def _with_files(content: bytes, files: dict[str, bytes]) -> bytes:
    """The content with an archive behind it, uncompressed, as clients map it into memory."""
    whole = io.BytesIO(content)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        for name, content_of_file in files.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), content_of_file)
    return whole.getvalue()
