"""A test that passes while a defect of another library is there, and says what goes when it is not.

What we do around a defect stays behind, unseen, when the defect is mended. Each of these tests
shows one defect in the other library alone, with nothing of this package.

Not here is what needs a device or a disk of its own, or is a matter of time or memory that one run
in seconds cannot tell from chance: that tf.data's autotuning lets iterators end late
(`keras_bert_kit/data/read_ahead.py`), that HDF5 ends the process on a full disk
(`keras_bert_kit/run_folder.py`), that tf2onnx copies constants over and over
(`keras_bert_kit/export/onnx_file.py`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def still_broken(defect: str, *workarounds: str) -> Iterator[None]:
    """A block of assertions that hold because of a defect, and only because of it.

    What an assertion rests on besides (that the same is right elsewhere, that the case is set up
    as it should be) belongs before the block. Errors that are no assertions pass as ever.

    Args:
        defect: what is wrong, and in which library.
        workarounds: what to delete or to make simpler once it is mended: a file of this repository
            and words that stand in it, `"keras_bert_kit/step.py: own_draws"`.
    """
    assert workarounds
    for workaround in workarounds:
        file, _, words = workaround.partition(": ")
        assert words in (ROOT / file).read_text(encoding="utf-8"), (
            f"{file} no longer holds {words!r}: if the workaround is gone, delete this test, else "
            "name its new place."
        )
    try:
        yield
    except (AssertionError, pytest.fail.Exception) as change:
        places = "".join(f"\n  {workaround}" for workaround in workarounds)
        pytest.fail(
            f"No longer so: {defect}. If it is mended in the versions that setup.cfg allows, "
            f"delete this test and what works around it:{places}\nWhat was found: {change}"
        )
