"""What a judge sees: two pages, their style and their script. Nothing comes from outside, and nothing says what is real.

The surround is a neutral grey, as in laboratories that compare colors. ← and → answer, and so does a tap.
"""

import html

STYLE = """
* { box-sizing: border-box }
body { margin: 0; font: 17px/1.5 system-ui, sans-serif; background: #3a3a3a; color: #f2f2f2; touch-action: manipulation }
main { max-width: 34rem; margin: 0 auto; padding: 2rem 1.25rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem }
form { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0 .5rem }
label { flex-basis: 100% }
input { flex: 1 1 12rem; min-width: 0; font: inherit; padding: .7rem .9rem; border: 2px solid #8a8a8a; border-radius: .6rem;
        background: #fff; color: #111 }
button { font: inherit; font-weight: 600; padding: .7rem 1.3rem; border: 0; border-radius: .6rem; background: #f2f2f2;
         color: #1c1c1c; cursor: pointer }
button:focus-visible, input:focus-visible { outline: 3px solid #ffd75e; outline-offset: 2px }
kbd { font: inherit; padding: 0 .4em; border: 1px solid #9a9a9a; border-radius: .3em }
a { color: inherit } small { color: #cfcfcf } [hidden] { display: none !important }
#note { position: fixed; inset: 0 0 auto; margin: 0; padding: .6rem 1rem; background: #ffd75e; color: #1c1c1c;
        text-align: center }
#play { display: grid; grid-template-rows: auto 1fr auto; height: 100vh; height: 100dvh; padding: .75rem; gap: .75rem;
        max-width: 76rem; margin: 0 auto }
#play header { display: grid; grid-template-columns: 1fr auto; align-items: baseline; gap: 0 1rem }
#play h1 { font-size: 1.15rem; margin: 0 } progress { grid-column: 1 / -1; width: 100%; height: .4rem; accent-color: #f2f2f2 }
#pictures { display: flex; gap: .75rem; min-height: 0; align-items: stretch; justify-content: center }
.shown { position: relative; flex: 1 1 0; min-width: 0; min-height: 0; padding: 0; background: none; border-radius: 0;
         font-size: 0; max-width: 40rem }
.shown img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain }
div.shown { cursor: default } .waiting img { visibility: hidden }
#choices { display: flex; gap: .75rem; justify-content: center }
#choices button { flex: 1 1 0; max-width: 20rem; padding: 1rem }
.pressed { background: #b9b9b9 } button.shown.pressed { outline: 4px solid #f2f2f2; background: none }
@media (hover: none) { .keys { display: none } }
@media (max-aspect-ratio: 1/1) { #pictures { flex-direction: column } .shown { max-width: none } }
"""

START_SCRIPT = """
const form = document.querySelector("form"), note = document.getElementById("note");
form.addEventListener("submit", async event => {
  event.preventDefault();
  const body = JSON.stringify({name: form.elements.name.value});
  try {
    const reply = await fetch("/judge", {method: "POST", headers: {"Content-Type": "application/json"}, body});
    const answer = await reply.json();
    if (reply.ok) return location.assign("/judge/" + answer.judge);
    note.textContent = "Please: " + answer.error;
  } catch {
    note.textContent = "The program that shows the pictures does not answer. Is it still running?";
  }
  note.hidden = false;
});
"""

JUDGE_SCRIPT = """
const $ = id => document.getElementById(id);
const pairs = document.body.dataset.pairs === "yes", choices = pairs ? ["left", "right"] : ["real", "colored"];
const state = location.pathname + "/state", tooSoon = 250;    // milliseconds: a second tap was meant for the last picture
let since = 0;                                   // when the pictures of #play's data-question were there to see

const silent = "The program does not answer just now. What you have answered is kept; trying again …";
function say(text) { $("note").textContent = text; $("note").hidden = !text }
const pause = ms => new Promise(go => setTimeout(go, ms));

async function ask(path, body) {                 // again and again: the program may be starting anew
  for (let wait = 300; ; wait = Math.min(2 * wait, 3000)) {
    try {
      const how = body && {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
      const reply = await fetch(path, {...how, signal: AbortSignal.timeout?.(10000)}), answer = await reply.json();
      if (reply.status < 500) { say(reply.ok ? "" : answer.error); return reply.ok ? answer : null }
      say(answer.error);
    } catch {
      say(silent);
    }
    await pause(wait);
  }
}

async function load(image, id) {
  for (let again = 0; ; again++) {
    try { image.src = "/picture/" + id + (again ? "?" + again : ""); await image.decode(); return say("") }
    catch { say(silent); await pause(500) }
  }
}

async function show(now) {
  if (!now) return;
  $("name").textContent = now.name;
  $("count").textContent = `${now.done} of ${now.total}`;
  $("bar").max = now.total; $("bar").value = now.done;
  if (!now.question) { $("play").hidden = true; $("done").hidden = false; return }
  $("play").classList.add("waiting");
  await Promise.all(now.question.pictures.map((id, i) => load(document.querySelectorAll(".shown img")[i], id)));
  document.querySelectorAll(".pressed").forEach(one => one.classList.remove("pressed"));
  $("play").classList.remove("waiting");
  $("play").dataset.question = now.question.id; since = performance.now();
}

async function choose(choice) {
  const looked = performance.now() - since;
  const question = $("play").dataset.question;
  if (!question || looked < tooSoon) return;
  delete $("play").dataset.question;             // one answer for one question
  document.querySelectorAll(`[data-choice=${choice}]`).forEach(one => one.classList.add("pressed"));
  show(await ask(location.pathname + "/answer", {question: +question, choice, seconds: looked / 1000}) || await ask(state));
}

document.querySelectorAll("[data-choice]").forEach(one => one.addEventListener("click", () => choose(one.dataset.choice)));
document.addEventListener("keydown", event => {
  if (event.repeat && event.key === "Enter") event.preventDefault();      // held down on a button, it would answer them all
  const i = {ArrowLeft: 0, ArrowRight: 1, ...(pairs && {ArrowUp: 0, ArrowDown: 1})}[event.key];    // pairs stand upright, too
  if (i === undefined || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  choose(choices[i]);
});
$("go").addEventListener("click", async () => { $("begin").hidden = true; $("play").hidden = false; show(await ask(state)) });
ask(state).then(now => {
  if (!now) return;
  $("hello").textContent = now.done ? `Welcome back, ${now.name}` : `Hello, ${now.name}`;
  $("where").textContent = now.done ? `${now.done} of ${now.total} are answered. You go on where you were.`
                                    : `${now.total} ${pairs ? "pairs" : "pictures"} are waiting for you.`;
  if (now.done) $("go").textContent = "Go on";
  $("name").textContent = now.name;
  if (now.question) { $("begin").hidden = false; $("go").focus() } else $("done").hidden = false;
});
"""


def page(title: str, body: str, script: str = "", attributes: str = "") -> str:
    """A whole page around `body`. title is escaped, the others are HTML."""
    return ("<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width, "
            f"initial-scale=1'><link rel='icon' href='data:,'><title>{html.escape(title)}</title>"
            f"<link rel='stylesheet' href='/style.css'></head><body{attributes}>{body}"
            + (f"<script src='/{script}'></script>" if script else "") + "</body></html>\n")


def start(pairs: bool) -> str:
    """Who judges, and what it is about."""
    return page("Real or colored?", f"""<p id='note' role='alert' hidden></p><main>
<h1>{"Which looks more real?" if pairs else "Real or colored?"}</h1>
{_what(pairs)}
<form><label for='name'>Your name, or a code: one that nobody else has</label>
<input id='name' name='name' required maxlength='40' autocomplete='nickname' autofocus><button>Begin</button></form>
<p><small>You can stop at any time: with the same name you go on where you were. Please switch off what changes your
screen's colors, such as its night mode.</small></p></main>""", "start.js")


def judge(pairs: bool) -> str:
    """Where a judge judges: a greeting, the pictures, the thanks."""
    picture = "<img alt='the picture to judge'>"
    shown = (f"<button class='shown' data-choice='left' aria-label='the left or upper picture'>{picture}</button>"
             f"<button class='shown' data-choice='right' aria-label='the right or lower picture'>{picture}</button>"
             if pairs else f"<div class='shown'>{picture}</div>")
    buttons = ("<small>Tap the one that looks more real <span class='keys'>or press <kbd>←</kbd> or <kbd>→</kbd></span></small>"
               if pairs else "<button data-choice='real'>← Real</button><button data-choice='colored'>Colored →</button>")
    return page("Real or colored?", f"""<p id='note' role='alert' hidden></p>
<main id='begin' hidden><h1 id='hello'></h1><p id='where'></p>{_what(pairs)}
<p><button id='go'>Show me the first</button></p><p><small><a href='/'>This is not me</a></small></p></main>
<section id='play' class='waiting' hidden><header><h1>{"Which looks more real?" if pairs else "Real or colored?"}</h1>
<small id='count' aria-live='polite'></small><progress id='bar' value='0' max='1' aria-label='answered'></progress></header>
<div id='pictures'>{shown}</div><div id='choices'>{buttons}</div></section>
<main id='done' hidden><h1>Thank you, <span id='name'></span></h1><p>That was the last one. Every answer is kept; you may close
this page.</p><p><small><a href='/'>The next judge, please</a></small></p></main>""",
                "judge.js", f" data-pairs='{'yes' if pairs else 'no'}'")


def _what(pairs: bool) -> str:
    if pairs:
        return ("<p>You see the same picture twice, in different colors: a computer colored one of the two, or both. Take the "
                "one that looks more real: tap it<span class='keys'>, or press <kbd>←</kbd> or <kbd>→</kbd></span>. "
                "Your first impression is right; there is no going back.</p>")
    return ("<p>Some of these pictures have the colors that they always had; the others were grey, and a computer colored them. "
            "Which is which? Tap<span class='keys'>, or press <kbd>←</kbd> for real and <kbd>→</kbd> for colored</span>. "
            "Your first impression is right; there is no going back.</p>")
