"""A judgment for tests: a run that is small and untrained but whole, an Answers file of flat pictures, the program itself."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from minicolor import checkpoint
from minicolor.data.split import split, write_split
from minicolor.judging.answers import Answers
from minicolor.judging.pictures import png
from minicolor.judging.plan import REAL, WRONG, checks
from minicolor.recipe import to_dict
from minicolor.recipes import pix2pix_lab

ROOT = Path(__file__).parents[1]


def make_run(folder: Path, seed: int = 0, **fields) -> Path:
    """best.pt and split.json as training leaves them, on drawn scenes; fields: of the recipe."""
    torch.manual_seed(seed)
    recipe = replace(pix2pix_lab.QUICK, **{"size": 32, "base": 4, "pictures": 100, **fields})
    networks = {name: net.state_dict() for name, net in recipe.build(contextlib.nullcontext).networks.items()}
    folder.mkdir(parents=True)
    checkpoint.save(folder / "best.pt", {"recipe": to_dict(recipe), "networks": networks})
    pack = recipe.open()
    write_split(folder / "split.json", pack, split(pack.keys, recipe.seed), recipe.seed)
    return folder


def begun(path: Path, photos: int = 20, runs: int = 1, pairs: bool = False) -> Answers:
    """A judgment of one-colored 4x4 pictures: red is the photograph, green the version (0 real, 1.. runs, 255 check)."""
    answers = Answers(path)

    def versions(photo: int):
        for version in (REAL, WRONG) if photo in checks(photos) else range(runs + 1):
            yield version, png(np.full((4, 4, 3), (photo, version % 256, 0), np.uint8))

    about = {"runs": [f"run{i}" for i in range(1, runs + 1)], "checkpoints": [], "pairs": pairs, "data": None, "pictures": photos}
    answers.begin(about, [f"photo{i:03d}.jpg" for i in range(photos)], versions)
    return answers


class Program:
    """`python -m minicolor.judge` in a process of its own, with its addresses."""

    def __init__(self, *arguments):
        env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen([sys.executable, "-m", "minicolor.judge", *map(str, arguments)], env=env, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.said = ""
        while "Ctrl-C" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.said + self.process.stderr.read()
            self.said += line
        self.address = re.search(r"judge +(http://\S+)/", self.said)[1]
        self.results = re.search(r"results +(http://\S+)", self.said)[1]
        self.port = int(self.address.rsplit(":", 1)[1])
        for _ in range(200):                                     # the port is ours before the first answer is
            try:
                self.get("/")
                break
            except urllib.error.URLError:
                time.sleep(0.05)

    def end(self, how=signal.SIGINT) -> int:
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.said += self.process.stdout.read()
        self.errors = self.process.stderr.read()
        return code

    def get(self, path, data=None, **headers):
        """-> (status, body, headers) of a page; redirections are followed."""
        if isinstance(data, dict):
            data, headers = json.dumps(data).encode(), {"Content-Type": "application/json"} | headers
        request = urllib.request.Request(path if "://" in path else self.address + path, data, headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as reply:
                headers = {name.lower(): value for name, value in reply.headers.items()}
                return reply.status, reply.read().decode("utf-8", "replace"), headers
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode("utf-8", "replace"), {}


@contextlib.contextmanager
def program(*arguments):
    one = Program(*arguments)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)
