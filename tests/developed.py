"""A studio for tests: three runs that are small and untrained but whole, photographs as files, the program itself."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from judged import ROOT, Program
from PIL import Image

from minicolor import checkpoint
from minicolor.recipe import to_dict
from minicolor.recipes import dncnn, pix2pix_lab, srgan

SMALL = {"color": (pix2pix_lab, {"size": 32, "base": 4}), "denoise": (dncnn, {"width": 4, "depth": 3}),
         "enlarge": (srgan, {"base": 4, "blocks": 1, "d_base": 4})}


def make_runs(folder: Path) -> dict[str, Path]:
    """A run for each stage, as training leaves it."""
    for name, (module, fields) in SMALL.items():
        torch.manual_seed(0)
        recipe = replace(module.QUICK, **fields)
        networks = {n: net.state_dict() for n, net in recipe.build(contextlib.nullcontext).networks.items()}
        weights = [w for w in next(iter(networks.values())).values() if w.ndim]        # as built they make noise, and no color:
        if name == "color":
            next(w for w in weights if w.shape == (2,)).add_(0.2)                      # the bias of a, b: a little red and yellow
        if name == "denoise":
            for last in weights[-2:]:
                last.zero_()                                                           # finds no noise
        (folder / name).mkdir(parents=True)
        checkpoint.save(folder / name / "best.pt", {"recipe": to_dict(recipe), "networks": networks})
    return {name: folder / name for name in SMALL}


def photograph(height: int = 90, width: int = 120, seed: int = 0, form: str = "PNG", **options) -> bytes:
    """The file of a smooth grey picture."""
    coarse = np.random.default_rng(seed).integers(30, 220, (6, 8), np.uint8)
    packed = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert("RGB").save(packed, form, **options)
    return packed.getvalue()


class Studio(Program):
    """`python -m minicolor.studio` in a process of its own."""

    def __init__(self, runs: dict[str, Path], *arguments):
        flags = [text for name, run in runs.items() for text in ("--run" if name == "color" else f"--{name}", str(run))]
        env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen([sys.executable, "-m", "minicolor.studio", *flags, "--port", "0", *map(str, arguments)],
                                        env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.said = ""
        while "Ctrl-C ends" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.said + self.process.stderr.read()
            self.said += line
        self.address = re.search(r"studio +(http://\S+)/", self.said)[1]
        self.port = int(self.address.rsplit(":", 1)[1])

    def send(self, data: bytes, name: str = "photo.png", **headers) -> dict:
        """Drop a file and wait until it is open: its state, with its id."""
        status, body, _ = self.get(f"/photo?name={name}", data, **{"Content-Type": "application/octet-stream"} | headers)
        assert status == 200, body
        return self.wait(json.loads(body)["id"])

    def wait(self, id: str) -> dict:
        for _ in range(600):
            status, body, _ = self.get(f"/photo/{id}")
            assert status == 200, body
            if (state := json.loads(body))["state"] == "open":
                return state | {"id": id}
            time.sleep(0.05)
        raise AssertionError(f"not open after half a minute: {state}")

    def restore(self, id: str, **settings) -> dict:
        status, body, _ = self.get(f"/photo/{id}/restore", settings)
        assert status == 200, body
        return self.wait(id)

    def raw(self, path: str) -> tuple[bytes, dict]:
        """A file's own bytes."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.address + path, timeout=60) as reply:
            return reply.read(), {name.lower(): value for name, value in reply.headers.items()}


@contextlib.contextmanager
def studio(runs: dict[str, Path], *arguments):
    one = Studio(runs, *arguments)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)
