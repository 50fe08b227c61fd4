"""Reference molecular dynamics and force fields with OpenMM (`pip install "ase_tito[md]"`)."""
