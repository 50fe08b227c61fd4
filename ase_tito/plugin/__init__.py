"""What unpatched ASE finds of this package by its entry points: file formats and a calculator."""
