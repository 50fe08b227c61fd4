"""SHA-256 of files: FIPS 180-2's example, and files that cannot be read."""

import pytest

from ase_tito.digest import file_sha256
from ase_tito.errors import ConfigError

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_digest_is_sha_256_of_the_bytes(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sha256(path) == file_sha256(str(path)) == ABC
    path.write_bytes(b"abc\r\n")
    assert file_sha256(path) != ABC


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone: cannot be read \(No such file or directory\)"):
        file_sha256(tmp_path / "gone")
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        file_sha256(tmp_path)
