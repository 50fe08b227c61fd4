"""Archives of which some byte is wrong, whatever that makes the libraries raise."""

import numpy as np
import pytest

from ase_tito.errors import DataError, OutputError
from ase_tito.npzfile import opened_npz


def damaged(error):
    return OutputError(f"damaged ({type(error).__name__})")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, numbers=np.arange(5), text=np.array("words"))
    return path


def test_arrays_are_read_by_name(path):
    with opened_npz(path, damaged) as archive:
        assert sorted(archive) == ["numbers", "text"]
        assert archive["numbers"].tolist() == [0, 1, 2, 3, 4]
        assert str(archive["text"]) == "words"


def test_every_damaged_byte_is_that_error_or_none(path):
    whole, kinds = path.read_bytes(), set()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            with opened_npz(path, damaged) as archive:
                assert archive["numbers"].tolist() == [0, 1, 2, 3, 4]
        except OutputError as error:
            kinds.add(str(error))
    assert {"damaged (BadZipFile)", "damaged (KeyError)"} < kinds
    assert len(kinds) > 3


@pytest.mark.parametrize("content", [b"", b"PK half a file", b"\x93NUMPY", None])
def test_what_is_no_archive_is_closed_and_named(path, content):
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(OutputError, match="damaged"), opened_npz(path, damaged):
        pass


def test_objects_are_not_unpickled(path):
    np.savez(path, numbers=np.array([{}], dtype=object))
    with pytest.raises(OutputError, match="damaged"), opened_npz(path, damaged) as archive:
        archive["numbers"]


def test_a_data_error_of_the_block_is_its_own(path):
    with pytest.raises(DataError, match="lacks bonds"), opened_npz(path, damaged):
        raise DataError("lacks bonds")
