"""What all tests share: kernels run without a GPU, torch leaves cores to others, and the way to real pictures."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest
import torch

# Triton reads this when it is imported, and importing torch does not import it: so here, before any test file.
if importlib.util.find_spec("triton") and not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

torch.set_num_threads(min(2, torch.get_num_threads()))

REAL = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_pictures() -> Path:
    """The folder of photographs next to the checkout; a test that asks for it skips where there is none."""
    if not REAL.is_dir():
        pytest.skip("no real pictures beside this checkout: there is no folder ../shared/data")
    return REAL


@pytest.fixture(scope="module")                 # not longer: while it is open, asyncio has a loop running and starts no other
def browser():
    """Headless Chromium, to open pages as people do; where there is none, its tests skip."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium on this machine to show the page in")
    with sync_api.sync_playwright() as p:
        one = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield one
        one.close()
