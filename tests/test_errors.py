import pytest

from ase_tito import errors


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("GraphError", ValueError),
        ("StructureError", ValueError),
        ("DomainError", ValueError),
        ("CheckpointError", ValueError),
        ("ConfigError", ValueError),
        ("DataError", ValueError),
        ("InvalidSampleError", RuntimeError),
        ("OutputError", OSError),
    ],
)
def test_errors_are_the_package_s_and_the_builtin_ones(name, builtin):
    error = getattr(errors, name)
    assert issubclass(error, errors.TITOError)
    assert issubclass(error, builtin)


def test_the_warning_is_a_user_warning():
    assert issubclass(errors.TITOWarning, UserWarning)
