"""Files that are there as a whole or not at all."""

import pytest

from ase_tito.atomic import publish, write_atomically
from ase_tito.errors import OutputError


def test_the_new_content_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "result.json"
    for content in (b"old", b"new"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert [item.name for item in tmp_path.iterdir()] == ["result.json"]


def test_a_write_that_fails_leaves_the_old_content(tmp_path):
    path = tmp_path / "result.json"
    write_atomically(path, b"old")
    (tmp_path / "result.json.partial").mkdir()  # in the way of the new one
    with pytest.raises(OutputError, match=r"cannot write .*result\.json: Is a directory"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_finished_file_gets_its_name(tmp_path):
    partial, path = tmp_path / "x.partial", tmp_path / "x"
    path.write_bytes(b"old")
    partial.write_bytes(b"new")
    publish(partial, path)
    assert path.read_bytes() == b"new"
    assert not partial.exists()
    with pytest.raises(OutputError, match=r"cannot write .*x: No such file"):
        publish(partial, path)
    assert path.read_bytes() == b"new"
