"""The tables of lessons/scale.md: what benches/plan.py worked out, in words. Pure functions, but for write()."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from minicolor.errors import BadInput

BEGIN, END = "<!-- from here on written by python -m minicolor.bench plan -->", "<!-- end of what it wrote -->"
LIMITS = {"exchanges": "BatchNorm's exchanges", "network": "network", "disk": "disk", "copy": "copy onto the GPU",
          "loader": "reading thread"}
NONE = "not measured"


def text(r: Mapping) -> str:
    """Every table, with a heading each."""
    return "\n\n".join(part(r) for part in (measured, constants, data, traffic, times, limits))


def write(page: Path, text: str) -> None:
    """Put the tables between the page's two marks. BadInput where it has none."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BadInput(f"--page {page}: expected a page with the lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


def measured(r: Mapping) -> str:
    """What was measured, and that no GPU was, where none was."""
    rows = [[x["on"], x["recipe"], x["batch_size"], x["precision"], f"{x['our_images_per_second']:.3g}",
             f"{x['plain_images_per_second']:.3g}", f"{x['ratio']:.2f} ({x['ratio_lowest']:.2f} to {x['ratio_highest']:.2f})"]
            for x in r["train"] if x["size"] == 256]
    if not any(x["device"].startswith("cuda") for x in r["train"]):
        rows.append(["a GPU", "any", *[NONE] * 5])
    loading, packing, names, processes = r["loading"], r["packing"], r["names"], r["processes"]
    ways = "; ".join(f"{name} {w['pictures_per_s']:.0f} pictures/s ({w['mb_per_s']:.0f} MB/s)"
                     for name, w in loading["ways"].items())
    lines = [f"Packing, once: {packing['pack_per_s']:.0f} pictures/s on {packing['processes']} core(s), from "
             f"{'drawn' if packing['drawn'] else 'real'} JPEG files of {size(packing['bytes_of_a_file'])} each.",
             f"Loading alone, to {loading['device']}, batches of {loading['batch_size']} at "
             f"{loading['size']}x{loading['size']}: {ways}.",
             f"Names and keys of {names['pictures']:,} pictures in {names['shards']} shards: {names['bytes_of_one']:.0f} bytes "
             f"of memory each, {names['peak_bytes_of_one']:.0f} while the pack is opened; "
             f"{names['manifest_bytes_of_one']:.0f} in its manifest."]
    if processes:
        shared = ", ".join(f"{p['processes']} process(es) {p['images_per_second']:.3g} images/s" for p in processes)
        lines.append(f"One batch of small pictures shared by processes on this machine's cores: {shared}.")
    head = ["on", "recipe, 256x256", "batch", "precision", "images/s", "plain loop", "ratio"]
    return "## Measured\n\n" + table(head, rows) + "\n\n" + "\n".join(f"- {line}" for line in lines)


def constants(r: Mapping) -> str:
    """What is exact, and what is assumed."""
    t, m = r["traffic"], r["machine"]
    rows = [["bytes of a picture in the pack, b", "256 x 256 x 3 = 196,608", "exact"],
            ["parameters", ", ".join(f"{name} {n:,}" for name, n in t["parameters"].items()), "counted on the networks"],
            ["gradients of an update, g", f"{size(t['gradients'])} (float32)", "counted"],
            ["BatchNorm's exchanges in an update, e", t["exchanges"], "counted on a step"],
            ["GPUs in a machine", m["gpus"], "ASSUMED"],
            ["memory of a GPU", f"{size(m['memory'])}: pictures live there up to {r['resident_pictures']:,} of them", "ASSUMED"],
            ["memory of a machine", size(m["ram"]), "ASSUMED"],
            ["disk of a machine, D", f"{size(m['disk'])}/s", "ASSUMED"],
            ["copy onto a GPU, C", f"{size(m['copy'])}/s", "ASSUMED"],
            ["network, N, inside a machine", f"{size(m['inside'])}/s", "ASSUMED"],
            ["network, N, between machines", f"{size(m['network'])}/s", "ASSUMED"],
            ["one small exchange, d", duration(m["delay"]), "ASSUMED"]]
    return "## What the model is given\n\n" + table(["", "", "where from"], rows)


def data(r: Mapping) -> str:
    """Disk, memory and time before the first update."""
    head = ["pictures", "pack", f"shards of {size(r['shard'])}", "as JPEG files", "live on the GPU",
            "packing, on the machine above", "start of a run", "start of an epoch", "names in each process (at the peak)"]
    rows = [[f"{d['pictures']:,} ({d['name']})", size(d["bytes"]), d["files"], size(d["file_bytes"]),
             "yes" if d["resident"] else "no", *(duration(d[f"{what}_seconds"]) for what in ("packing", "start", "order")),
             f"{size(d['names_bytes'])} ({size(d['names_peak_bytes'])})"] for d in r["data"]]
    full = (f"Names fill the {size(r['machine']['ram'])} of a machine with {r['machine']['gpus']} processes at "
            f"{r['named_pictures']:,} pictures.")
    return "## The pictures: disk, memory, start\n\n" + table(head, rows) + "\n\n" + full


def traffic(r: Mapping) -> str:
    """Updates, bytes read and sent."""
    rows = [[f"{e['pictures']:,}", e["gpus"], f"{e['updates']:,.0f}",
             size(e["disk_bytes"]) if e["disk_bytes"] else "0: they live on the GPU", size(e["network_bytes"]),
             size(e["names_peak_bytes"])] for e in r["epochs"]]
    head = ["pictures", "GPUs", f"updates (batches of {r['batch_size']} on each)", "read by each machine", "sent by each GPU",
            "names in each machine, at the peak"]
    return "## One epoch: disk and network\n\n" + table(head, rows)


def times(r: Mapping) -> str:
    """From the least to the most, and what the least is made of."""
    head = ["pictures", "GPUs"]
    for c in r["columns"]:
        head.append(f"{c['rate']:,.3g} images/s, measured: {c['device']}, batch {c['batch']}" if c["device"]
                    else f"{c['rate']:,.0f} images/s, ASSUMED, batch {c['batch']}")
    rows = [[f"{e['pictures']:,}", e["gpus"], *(_cell(*c) for c in zip(e["least"], e["most"], e["limit"]))] for e in r["epochs"]]
    return "## One epoch: time, and what limits it\n\n" + table(head, rows)


def limits(r: Mapping) -> str:
    """Where each resource becomes the limit."""
    batches = list(dict.fromkeys(x["batch"] for x in r["limits"]))
    gpus = list(dict.fromkeys(x["gpus"] for x in r["limits"]))
    at = {(x["gpus"], x["batch"]): x for x in r["limits"]}
    rows = []
    for key, words in LIMITS.items():
        for batch in batches if key in ("exchanges", "network") else batches[:1]:
            by = f", batch {batch}" if key in ("exchanges", "network") else ""
            rows.append([words + by, *(_rate(at[g, batch][key]) for g in gpus)])
    head = ["images/s of one GPU, from which on the limit is", *(f"{g} GPU{'s' * (g > 1)}" for g in gpus)]
    return "## Where each resource becomes the limit\n\n" + table(head, rows)


def table(head: Sequence, rows: Iterable[Sequence]) -> str:
    """Markdown."""
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows))


def duration(seconds: float) -> str:
    """Two digits, in the unit that people would use."""
    for unit, length in (("years", 365.25 * 86400), ("days", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if seconds >= (length if unit == "s" else 2 * length):
            return f"{_two(seconds / length)} {unit}"
    return f"{_two(seconds * 1e6)} µs"


def size(bytes: float) -> str:
    """Three digits, in powers of 1000."""
    for unit, length in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if bytes >= length:
            return f"{bytes / length:.3g} {unit}"
    return f"{bytes:.0f} bytes"


def _two(x: float) -> str:
    return f"{x:.0f}" if x >= 10 else f"{x:.2g}"


def _cell(least: float, most: float, limit: str) -> str:
    both = [duration(least), duration(most)]
    return f"{' to '.join(dict.fromkeys(both))}, {LIMITS.get(limit, limit)}"


def _rate(rate: float | None) -> str:
    return "never" if rate is None or math.isinf(rate) else f"{rate:,.0f}"
