"""Before and after: one HTML file with every picture inside and a slider on each; it needs no server and asks for nothing.

The slider is a range input, so that keys move it and screen readers know it; the pointer moves it from anywhere on the picture,
also where a browser only lets people drag its thumb.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image

from minicolor.data import photos
from minicolor.data.listing import shown
from minicolor.data.manifest import replace
from minicolor.errors import BadInput

NAME = "before_after.html"
SIDE = 1000            # pixels of a picture's longer side on the page
MOST = 200             # pictures on a page: some 60 MB, which a browser still opens

STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
figure { margin: 0 auto 2.5rem; width: min(100%, 85vh * var(--ratio)) }
.pair { position: relative; aspect-ratio: var(--ratio); overflow: hidden; cursor: ew-resize; touch-action: pan-y;
  user-select: none; -webkit-user-select: none; --at: 50% }
.pair img { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none }
.pair img.after { clip-path: inset(0 0 0 var(--at)) }
.pair i { position: absolute; top: 0; bottom: 0; left: var(--at); width: 3px; margin-left: -1.5px; background: #fff;
  box-shadow: 0 0 4px #000; pointer-events: none }
.pair i::after { content: "\\2194"; position: absolute; top: 50%; left: 50%; width: 2.25rem; height: 2.25rem; margin: -1.125rem;
  border-radius: 50%; background: #fff; color: #222; font: 1.4rem/2.25rem system-ui, sans-serif; text-align: center;
  box-shadow: 0 0 4px #000 }
.pair b { position: absolute; bottom: .5rem; padding: 0 .5rem; border-radius: .25rem; background: #000a; color: #fff;
  font: .8rem/1.6 system-ui, sans-serif; pointer-events: none }
.pair b:first-of-type { left: .5rem } .pair b:last-of-type { right: .5rem }
.pair input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; pointer-events: none }
.pair:focus-within { outline: 3px solid Highlight; outline-offset: 2px }
figcaption { overflow-wrap: anywhere; font-size: .9rem; margin-top: .4rem } figcaption small { opacity: .75 }
"""

SCRIPT = """
for (const pair of document.querySelectorAll(".pair")) {
  const range = pair.querySelector("input");
  const show = percent => pair.style.setProperty("--at", percent + "%");
  const follow = event => {
    const box = pair.getBoundingClientRect();
    const percent = Math.min(100, Math.max(0, 100 * (event.clientX - box.left) / box.width));
    range.value = percent;
    show(percent);
  };
  range.addEventListener("input", () => show(range.value));
  pair.addEventListener("pointerdown", event => {
    if (event.button) return;
    event.preventDefault();
    range.focus({preventScroll: true});
    pair.setPointerCapture(event.pointerId);
    follow(event);
  });
  pair.addEventListener("pointermove", event => { if (pair.hasPointerCapture(event.pointerId)) follow(event); });
  show(range.value);                       // a browser that reloads the page keeps what its sliders said
}
"""

CONTENT = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True)
class Pair:
    """One photograph and its result. part: what of it is in the result, top, bottom, left and right as shares of 1."""

    name: str
    before: Path
    after: Path
    part: Sequence[float] = (0, 1, 0, 1)
    notes: Sequence[str] = ()


def write(path: Path, pairs: Sequence[Pair], bad: Sequence[str] = ()) -> None:
    """The page of these pictures, whole or not at all; bad: sentences on those that have no result.

    At most MOST pictures are shown and the page says so; one that cannot be read any more is listed with the bad ones.
    """
    figures, bad = [], list(bad)
    for pair in pairs[:MOST]:
        try:
            figures.append(_figure(pair))
        except BadInput as e:
            bad.append(str(e))
    said = "Left of the line is the photograph, right of it the result. Drag it, or press the arrow keys."
    more = f"<p>The first {MOST} of {len(pairs):,} pictures.</p>" if len(pairs) > MOST else ""
    listed = ""
    if bad:
        listed = f"<h2>{len(bad)} without a result</h2><ul>" + "".join(f"<li>{_text(line)}</li>" for line in bad) + "</ul>"
    replace(path, "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
                  f'<meta http-equiv="Content-Security-Policy" content="{CONTENT}"><title>Before and after · minicolor</title>'
                  f"<style>{STYLE}</style><h1>Before and after</h1><p>{said}</p>{more}{''.join(figures)}{listed}"
                  f"<script>{SCRIPT}</script></html>\n")


def _figure(pair: Pair) -> str:
    after = _small(pair.after)
    before = _small(pair.before)
    top, bottom, left, right = pair.part
    part = (left * before.width, top * before.height, right * before.width, bottom * before.height)
    before = before.resize(after.size, Image.Resampling.LANCZOS, box=part)
    notes = "".join(f"<br><small>{_text(note)}</small>" for note in pair.notes)
    return (f"<figure style='--ratio: {after.width / after.height:.5f}'><div class='pair'>"
            f"<img src='{_uri(before)}' alt='before'><img class='after' src='{_uri(after)}' alt='after'><i></i>"
            "<b>before</b><b>after</b>"
            f"<input type='range' min='0' max='100' value='50' aria-label='before and after, {_text(pair.name)}'></div>"
            f"<figcaption>{_text(pair.name)}{notes}</figcaption></figure>\n")


def _small(path: Path) -> Image.Image:
    try:
        with open(path, "rb") as file:
            im = Image.fromarray(photos.decode(file, str(path), at_least=SIDE).rgb)
    except OSError as e:
        raise BadInput(f"{path}: cannot be read ({(e.strerror or str(e)).lower()})") from None
    im.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return im


def _uri(im: Image.Image) -> str:
    file = io.BytesIO()
    im.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _text(name: str) -> str:
    return escape(shown(name))
