"""Where the real data sets are looked for; tests that need one are skipped where it is absent."""

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]


def real_data_dir(needed: str) -> Path:
    """The folder that has the file `needed`, or a skip that says what was looked for."""
    named = os.environ.get("REC_DATA_DIR")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data" / "rec"
    if not (folder / needed).is_file():
        pytest.skip(f"real data absent: no {needed} in {folder} (set REC_DATA_DIR)")
    return folder
