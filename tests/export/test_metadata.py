"""Metadata read back with nothing but the layout of flatbuffers, by the numbers of the schema."""

import io
import json
import struct
import zipfile

import pytest
from ai_edge_litert import schema_py_generated as schema
from lite_files import bundle_of, content_of, written
from tiny_bundles import tiny_bundle

from keras_bert_kit.export.lite_model import LiteModel
from keras_bert_kit.export.metadata import check_client_tokenizer, pack
from keras_bert_kit.text.bytepair import BytePairTokenizer
from keras_bert_kit.text.bytepair_vocabulary import BytePairVocabulary
from keras_bert_kit.text.wordpiece import WordPieceTokenizer

AT = {"name": 0, "graphs": 3, "files": 6, "version": 7}  # of `ModelMetadata`
INPUTS, OUTPUTS, UNITS = 2, 3, 5  # of `SubGraphMetadata`
TENSOR_FILES = 6  # of `TensorMetadata`


class Table:
    """A table of a flatbuffer, read by hand: where its fields are is said before it."""

    def __init__(self, data: bytes, at: int):
        self.data, self.at = data, at

    def place(self, field: int) -> int | None:
        layout = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        size = struct.unpack_from("<H", self.data, layout)[0]
        if 4 + 2 * field >= size:
            return None
        offset = struct.unpack_from("<H", self.data, layout + 4 + 2 * field)[0]
        return self.at + offset if offset else None

    def follow(self, place: int) -> int:
        return place + struct.unpack_from("<I", self.data, place)[0]

    def string(self, field: int) -> str:
        at = self.follow(self.place(field))
        size = struct.unpack_from("<I", self.data, at)[0]
        return self.data[at + 4 : at + 4 + size].decode()

    def byte(self, field: int) -> int:
        return self.data[self.place(field)]

    def table(self, field: int) -> "Table":
        return Table(self.data, self.follow(self.place(field)))

    def tables(self, field: int) -> list["Table"]:
        if self.place(field) is None:
            return []
        at = self.follow(self.place(field))
        count = struct.unpack_from("<I", self.data, at)[0]
        return [Table(self.data, self.follow(at + 4 + 4 * index)) for index in range(count)]


def metadata_of(content: bytes) -> Table:
    model = schema.Model.GetRootAs(content, 0)
    entries = {
        model.Metadata(i).Name(): model.Metadata(i).Buffer() for i in range(model.MetadataLength())
    }
    data = model.Buffers(entries[b"TFLITE_METADATA"]).DataAsNumpy().tobytes()
    assert data[4:8] == b"M001"
    return Table(data, struct.unpack_from("<I", data, 0)[0])


def packed(task: str = "classification", quantization: str = "dynamic_int8", **options) -> bytes:
    bundle = bundle_of(task)
    usual = {"name": "tiny", "description": "A tiny model.", "labels": bundle.labels}
    usual |= {"tokenizer": bundle.tokenizer, "for_client": True}
    return pack(content_of(task, quantization), **usual | options)


def test_inputs_stand_in_the_order_of_the_graph():
    content = packed()
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    tensors = [graph.Tensors(i).Name().decode() for i in graph.InputsAsNumpy()]
    names = {"token_ids": "ids", "padding_mask": "mask", "segment_ids": "segment_ids"}
    expected = [names[tensor.removeprefix("serving_default_").split(":")[0]] for tensor in tensors]
    described = metadata_of(content).tables(AT["graphs"])[0].tables(INPUTS)
    assert [one.string(0) for one in described] == expected


def test_a_client_finds_tokenizer_labels_and_version():
    root = metadata_of(packed())
    assert (root.string(AT["name"]), root.string(AT["version"])) == ("tiny", "1.1.0")
    graph = root.tables(AT["graphs"])[0]
    (unit,) = graph.tables(UNITS)
    assert unit.byte(0) == 4  # BertTokenizerOptions
    (vocabulary,) = unit.table(1).tables(0)
    assert (vocabulary.string(0), vocabulary.byte(2)) == ("vocab.txt", 5)
    (output,) = graph.tables(OUTPUTS)
    (labels,) = output.tables(TENSOR_FILES)
    assert output.string(0) == "probabilities"
    assert (labels.string(0), labels.byte(2)) == ("labels.txt", 2)


def test_without_a_client_there_are_files_and_no_tokenizer():
    root = metadata_of(packed("tagging", for_client=False))
    graph = root.tables(AT["graphs"])[0]
    assert not graph.tables(UNITS)
    assert [one.string(0) for one in root.tables(AT["files"])] == ["vocab.txt", "about.json"]
    named = {one.string(0): one.tables(TENSOR_FILES) for one in graph.tables(OUTPUTS)}
    assert set(named) == {"logits", "probabilities"}
    assert all(files[0].string(0) == "labels.txt" for files in named.values())


def test_files_stand_behind_the_model_uncompressed():
    content = packed(about={"made_by": "a test"})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["vocab.txt", "about.json", "labels.txt"]
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("labels.txt") == b"bad\ngood\nso so\n"
        assert json.loads(archive.read("about.json")) == {"made_by": "a test"}
        words = archive.read("vocab.txt").decode().split("\n")[:-1]
    assert words == list(bundle_of("classification").tokenizer.vocabulary.tokens)


def test_the_same_model_gives_the_same_bytes():
    assert packed() == packed()


def test_the_model_still_runs(tmp_path):
    ids = [2, 5, 9, 3]
    bare = LiteModel(written(tmp_path, content_of("classification", "dynamic_int8"))).run(ids)
    found = LiteModel(written(tmp_path, packed())).run(ids)
    assert (found["probabilities"] == bare["probabilities"]).all()


def test_byte_level_bpe_is_packed_and_refused_for_clients():
    vocabulary = BytePairVocabulary(tokens_of_bytes(), [])
    tokenizer = BytePairTokenizer(vocabulary)
    content = packed(tokenizer=tokenizer, for_client=False)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {"vocab.json", "merges.txt"} <= set(archive.namelist())
    with pytest.raises(ValueError, match="this model reads byte-level BPE: every text would be"):
        packed(tokenizer=tokenizer)


def tokens_of_bytes() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]


def test_a_cased_tokenizer_is_refused_for_clients():
    tokenizer = WordPieceTokenizer(tiny_bundle("regression").tokenizer.vocabulary, lowercase=False)
    with pytest.raises(
        ValueError, match=r"lower-case every text, but this model is a cased one: .* Export it"
    ):
        check_client_tokenizer(tokenizer)


def test_a_label_of_two_lines_is_refused():
    with pytest.raises(ValueError, match=r"The label 'so\\nso' has more than one line"):
        packed(labels=("bad", "good", "so\nso"))
