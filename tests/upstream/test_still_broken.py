"""Tests of `still_broken`: what it lets pass, and what it says."""

import pytest
from upstream_defects import still_broken

WORKAROUND = "tests/upstream/upstream_defects.py: def still_broken"


def test_a_defect_that_is_there_passes():
    with still_broken("1 is 1", WORKAROUND):
        assert 1 == 1


def test_one_that_is_mended_fails_and_names_what_to_delete():
    with (
        pytest.raises(pytest.fail.Exception, match=r"1 is 2\. If(.|\n)*py: def still_broken"),
        still_broken("1 is 2", WORKAROUND),
    ):
        assert 1 == 2


def test_an_error_that_is_no_longer_raised_fails():
    with (
        pytest.raises(pytest.fail.Exception, match="No longer so: it fails"),
        still_broken("it fails", WORKAROUND),
        pytest.raises(ValueError, match="what it said"),
    ):
        pass


def test_another_error_passes_as_it_is():
    with pytest.raises(KeyError), still_broken("1 is 1", WORKAROUND):
        {}["no such key"]


def test_a_workaround_that_is_gone_fails():
    gone = "tests/upstream/upstream_defects.py: no such " + "words"
    with pytest.raises(AssertionError, match="no longer holds"), still_broken("1 is 1", gone):
        pass
