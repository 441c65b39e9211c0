"""Defects of NumPy and TensorFlow Datasets."""

import errno
import importlib.metadata
import re
import resource

import numpy as np
import pytest
from upstream_defects import still_broken


def test_numpy_hides_which_error_a_full_disk_gave(tmp_path):
    array, limits = np.ones(100_000), resource.getrlimit(resource.RLIMIT_FSIZE)

    def error(write):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
        try:
            with pytest.raises(OSError) as raised, (tmp_path / "array.npy").open("wb") as file:
                write(file)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        return raised.value

    assert error(lambda file: file.write(array.data)).errno == errno.EFBIG
    with still_broken(
        "`np.save` does not say which error ended the writing",
        "keras_bert_kit/data/shard_writer.py: `np.save` hides which error",
    ):
        found = error(lambda file: np.save(file, array))
        assert found.errno is None and "requested and" in str(found)


def test_tensorflow_datasets_imports_what_it_does_not_ask_for():
    package = importlib.metadata.distribution("tensorflow-datasets")
    (file,) = (file for file in package.files if str(file).endswith("core/dataset_builder.py"))
    with still_broken(
        "tensorflow-datasets imports `importlib_resources` and does not require it",
        "setup.cfg: importlib_resources",
    ):
        assert re.search(r"^\s+import importlib_resources$", file.locate().read_text(), re.M)
        asked = [one for one in package.requires if one.startswith("importlib_resources")]
        assert all("python_version <" in one for one in asked), asked
