"""`python -m ase_tito.cli` is `ase-tito`."""

import sys

from ase_tito.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
