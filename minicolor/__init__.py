"""minicolor: color and restore pictures with small networks you can read. See README.md."""

import importlib.util
import sys
from pathlib import Path

__version__ = "0.1.0"

# A checkout keeps its kernels in ../kernels; an installed copy has them right here. Make both spell minicolor.kernels.
_next_door = Path(__file__).resolve().parent.parent / "kernels" / "__init__.py"
if _next_door.is_file() and not (Path(__file__).parent / "kernels").exists():
    _spec = importlib.util.spec_from_file_location(
        "minicolor.kernels", _next_door, submodule_search_locations=[str(_next_door.parent)]
    )
    sys.modules["minicolor.kernels"] = kernels = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(kernels)
