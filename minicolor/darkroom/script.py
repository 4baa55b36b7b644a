"""What the studio's page does: send a photograph, follow its way through the queue, show it before and after, let it go."""

SCRIPT = """
const $ = id => document.getElementById(id), all = selector => [...document.querySelectorAll(selector)];
const panel = $("panel"), pair = $("pair"), most = +document.body.dataset.bytes;
const silent = "The studio's program does not answer. Is it still running?";
const stages = {grey: "looking at it", denoise: "taking noise away", color: "coloring", enlarge: "doubling the size"};
let photo = null, wanted = null, shown = null;   // the photograph's id; its settings as last sent, and as last answered
let turn = 0;                                    // counts what was begun: what is no longer wanted notices by it

const pause = ms => new Promise(go => setTimeout(go, ms));
function say(text) { $("error").textContent = text || ""; $("error").hidden = !text }

async function ask(path, how) {                  // the answer; null and a sentence on the page where it is no
  let reply, answer = null;
  try {
    reply = await fetch(path, how);
    if (reply.status !== 204) answer = await reply.json();
  } catch { say(silent); return null }
  if (reply.ok) return answer;
  say(answer.error);
  return null;
}

// ---- a photograph comes

async function take(files) {
  const file = files && files[0];
  if (!file) return;
  say(files.length > 1 ? "One photograph at a time, please: this is the first one." : "");
  if (file.size > most) return say(`${file.name}: ${(file.size / 1e6).toFixed(0)} MB are too large; up to ${most / 1e6} MB.`);
  if (!file.size) return say(`${file.name}: is empty, or a folder; a picture was expected.`);
  const mine = ++turn;
  doing("sending …");
  const sent = await ask("/photo?name=" + encodeURIComponent(file.name),
    {method: "POST", headers: {"Content-Type": "application/octet-stream"}, body: file});
  if (!sent) return doing("");
  const state = await follow(sent.id, mine);
  if (!state || state.error) {
    fetch("/photo/" + sent.id, {method: "DELETE"}).catch(() => 0);
    if (photo && mine === turn && wanted !== shown) finish(mine);      // the one before is still on its way
    return;
  }
  leave();
  photo = sent.id; wanted = shown = null;
  $("start").hidden = true; $("work").hidden = false; $("work").classList.add("alone"); $("keep").hidden = true;
  closer(false); slide(50); fresh();
  $("name").textContent = [`${state.name}: ${state.width} × ${state.height} pixels`,
    ...(state.deep ? ["16 bits"] : []), ...state.notes].join(" · ");
  await show("before", 0);
  if (mine === turn && all(".switch input:checked").length) restore();
}

function leave() {
  if (photo) fetch("/photo/" + photo, {method: "DELETE", keepalive: true}).catch(() => 0);
  photo = null;
}

async function show(which, number) {
  const image = $(which);
  image.src = `/photo/${photo}/${which}.jpg?${number}`;
  try { await image.decode() } catch { return }
  if (which === "before") pair.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
}

// ---- it is worked on

function settings() {
  const of = name => panel.elements[name];
  return {...Object.fromEntries(all(".switch input").map(one => [one.name, one.checked])),
    saturation: +of("saturation").value, strength: +of("strength").value, size: +of("size").value || null};
}

async function restore() {
  const mine = ++turn;
  wanted = JSON.stringify(settings());
  doing("waiting …");
  const how = {method: "POST", headers: {"Content-Type": "application/json"}, body: wanted};
  if (await ask(`/photo/${photo}/restore`, how)) finish(mine);
  else { wanted = shown; doing("") }
}

async function finish(mine) {
  const state = await follow(photo, mine);
  if (!state) return;
  if (state.error) { wanted = shown; return }
  const {number, width, height, notes, seconds} = state.result;
  await show("before", number); await show("after", number);
  if (mine !== turn) return;
  shown = wanted;
  $("work").classList.remove("alone"); $("keep").hidden = false;
  const total = Object.values(seconds).reduce((a, b) => a + b, 0);
  $("told").textContent = [`${width} × ${height} pixels, ${total.toFixed(1)} s`,
    ...notes.filter(note => !state.notes.includes(note)), ...(state.deep ? ["TIFF keeps its 16 bits"] : [])].join(" · ");
  if (document.activeElement === document.body) $("slide").focus({preventScroll: true});
  fresh();
}

async function follow(id, mine) {                // until nothing is to be done on it; null: it is gone, or another came
  for (let wait = 120; mine === turn; wait = Math.min(2 * wait, 1000)) {
    const state = await ask("/photo/" + id);
    if (!state || mine !== turn) { if (mine === turn) doing(""); return null }
    if (state.state === "open") { doing(""); if (state.error) say(state.error); return state }
    const n = state.before_you;
    doing(n ? `waiting: ${n} ${n > 1 ? "others are" : "other is"} before you`
            : `${stages[state.stage] || state.state} … ${state.seconds >= 1 ? Math.round(state.seconds) + " s" : ""}`);
    await pause(wait);
  }
  return null;
}

function doing(text) {
  const bar = text && Object.assign(document.createElement("progress"), {ariaLabel: "working"});
  $("doing").replaceChildren(...(text ? [bar, text] : []));
  $("wait").textContent = text;
}

function fresh() {                               // whether what is shown is what the switches say
  const same = shown === JSON.stringify(settings());
  $("restore").classList.toggle("quiet", same);
  $("restore").textContent = same ? "Restored" : shown ? "Restore again" : "Restore";
  for (const name of ["saturation", "strength"])
    $("shown-" + name).textContent = Math.round(100 * panel.elements[name].value) + "%";
  all("[data-of]").forEach(one => one.hidden = !panel.elements[one.dataset.of].checked);
}

panel.addEventListener("input", fresh);
panel.addEventListener("submit", event => { event.preventDefault(); say(""); if (photo) restore() });

async function keep(form) {
  doing("packing …");
  try {
    const reply = await fetch(`/photo/${photo}/result.${form}`);
    if (!reply.ok) return say((await reply.json()).error);
    const link = document.createElement("a"), url = URL.createObjectURL(await reply.blob());
    link.href = url;
    link.download = decodeURIComponent(reply.headers.get("Content-Disposition").split("UTF-8''")[1]);
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  } catch { say(silent) } finally { doing("") }
}
for (const one of all("[data-form]")) one.addEventListener("click", () => keep(one.dataset.form));

// ---- before and after

function slide(percent) {
  const at = Math.max(0, Math.min(100, percent));
  pair.style.setProperty("--at", at + "%");
  $("slide").value = at;
}

let held = false;
pair.addEventListener("pointerdown", event => {
  const box = pair.getBoundingClientRect(), near = Math.abs(event.clientX - box.left - box.width * $("slide").value / 100) < 24;
  held = event.isPrimary && event.button === 0 && (near || !$("frame").classList.contains("closer"));
  if (!held) return;
  pair.setPointerCapture(event.pointerId);
  slide(100 * (event.clientX - box.left) / box.width);
  $("slide").focus({preventScroll: true});
  event.preventDefault();
});
pair.addEventListener("pointermove", event => {
  const box = pair.getBoundingClientRect();
  if (held) slide(100 * (event.clientX - box.left) / box.width);
});
for (const end of ["pointerup", "pointercancel"]) pair.addEventListener(end, () => held = false);
$("slide").addEventListener("input", event => slide(+event.target.value));

function closer(on) {                            // twice as large as it fits, or pixel by pixel where that is more
  if (on) pair.style.setProperty("--closer", Math.max(2 * pair.clientWidth, $("after").naturalWidth) + "px");
  $("frame").classList.toggle("closer", on);
  $("closer").setAttribute("aria-pressed", on);
  $("closer").textContent = on ? "Whole picture" : "Look closer";
}
$("closer").addEventListener("click", () => {
  const on = !$("frame").classList.contains("closer");
  closer(on);
  if (on) $("frame").scrollTo((pair.clientWidth - $("frame").clientWidth) / 2, (pair.clientHeight - $("frame").clientHeight) / 2);
});

// ---- the ways in, and the way out

$("file").addEventListener("change", event => { take(event.target.files); event.target.value = "" });
addEventListener("paste", event => { if (event.clipboardData.files.length) take(event.clipboardData.files) });
let inside = 0;                                  // dragenter and dragleave also come from every element on the way
addEventListener("dragenter", event => { event.preventDefault(); document.body.classList.toggle("over", ++inside > 0) });
addEventListener("dragleave", () => document.body.classList.toggle("over", --inside > 0));
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", event => {
  event.preventDefault(); inside = 0; document.body.classList.remove("over");
  if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  else say("That was no file. Save the picture first, then drop it here.");
});
addEventListener("pagehide", event => { if (!event.persisted) leave() });
setInterval(() => photo && ask("/photo/" + photo), 60000);      // still here: it is not forgotten, or the page says that it is
fresh();
"""
