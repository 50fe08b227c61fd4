"""The command `ase-tito`: parses arguments, calls the library, prints what comes back."""
