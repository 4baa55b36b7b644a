"""What a person with an old photograph sees: one page. Nothing comes from outside. style.py dresses it, script.py moves it."""

import html

from minicolor.restoring.pipeline import STAGES

TITLES = {"crop": ("Crop to the picture", "cuts a scan's plain border away"),
          "denoise": ("Denoise", "takes grain and noise away"),
          "color": ("Color", "guesses colors; the lightness stays"),
          "enlarge": ("Double the size", "twice as many pixels a side")}


def start(runs: dict[str, str], most_bytes: int, most_pixels: int) -> str:
    """The page. runs: for denoise, color and enlarge the run's name, where there is one."""
    switches = "".join(_switch(name, *TITLES[name], runs) for name in STAGES)
    sizes = "".join(f"<option value='{n}'>{n} pixels</option>" for n in (128, 192, 256, 384, 512))
    return f"""<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width,
initial-scale=1'><link rel='icon' href='data:,'><title>minicolor studio</title><link rel='stylesheet' href='/studio.css'></head>
<body data-bytes='{most_bytes}'><p id='error' role='alert' hidden></p>
<input id='file' class='unseen' type='file' accept='image/*,.tif,.tiff,.jp2' aria-label='Choose a photograph'>
<main id='start'><div><h1>Drop an old photograph here</h1><p>Black and white, brown with age, grainy or small: see it in color,
then compare, and keep what you like.</p><label class='button' for='file'>Choose a photograph</label>
<p><small>Or paste one. Up to {most_bytes / 1e6:.0f} MB and {most_pixels / 1e6:.0f} million pixels. It goes no further than the
program that shows this page, which holds it in memory and forgets it when you leave.</small></p>
<p id='wait' role='status'></p></div></main>
<main id='work' class='alone' hidden><section id='stage' aria-label='Your photograph'><div id='frame'><div id='pair'>
<img id='before' alt='your photograph as it was'><img id='after' alt='your photograph restored'>
<span class='tag' id='tag-before'>before</span><span class='tag' id='tag-after'>after</span>
<input id='slide' class='unseen' type='range' min='0' max='100' step='1' value='50' aria-label='How much of the old one is shown'>
<span id='line'></span></div></div>
<div id='caption'><small id='name'></small>
<button id='closer' class='quiet' aria-pressed='false'>Look closer</button></div></section>
<form id='panel'><fieldset><legend>What to do</legend>{switches}</fieldset>
<fieldset id='finer'><legend class='unseen'>How</legend>
<label class='setting' data-of='color'>Strength of the colors<span id='shown-saturation'>100%</span>
<input type='range' name='saturation' min='0' max='2' step='.05' value='1'></label>
<label class='setting' data-of='denoise'>Strength of the denoising<span id='shown-strength'>100%</span>
<input type='range' name='strength' min='0' max='1' step='.05' value='1'></label>
<label class='setting' data-of='color'>Colors guessed at <select name='size'><option value=''>the model's size</option>
{sizes}</select></label></fieldset><button id='restore'>Restore</button><div id='doing' role='status'></div>
<section id='keep' aria-label='Keep it' hidden><button type='button' data-form='jpg'>Download JPEG</button>
<button type='button' class='quiet' data-form='png'>PNG</button><button type='button' class='quiet' data-form='tif'>TIFF</button>
<button type='button' class='quiet' data-form='webp'>WebP</button><small id='told'></small></section>
<label class='button quiet' for='file'>Another photograph</label></form></main>
<script src='/studio.js'></script></body></html>
"""


def _switch(name: str, title: str, what: str, runs: dict[str, str]) -> str:
    there = name == "crop" or name in runs
    on = there and name in ("color", "denoise")
    said = what if name == "crop" else f"{what} · {html.escape(runs[name])}" if there else "no run was given for this"
    return (f"<label class='switch'>{title}<input type='checkbox' role='switch' name='{name}'{' checked' * on}"
            f"{' disabled' * (not there)}><small>{said}</small></label>")
