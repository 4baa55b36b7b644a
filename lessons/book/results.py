"""lessons/results/*.json -> Markdown: every experiment's state, its figures beside the report's, its curves. Pure functions.

The files are what `Lesson.record` in minicolor/lesson.py writes; <id>.json is the result of an experiment, every other file a
further measurement, of the same schema or of one of those in further.py.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

REPORTS = {
    "A": "Denoise, then color: family photographs", "B": "Four autoencoders", "C": "Pix2pix in Lab, and a pretrained U-Net",
    "D": "Color and twice the resolution in one network", "E": "LPIPS and WGAN-GP",
}
WHAT = {
    "A1": "the level of the noise", "A2": "two variational autoencoders as denoisers", "A3": "DnCNN, cross validation",
    "A4": "a small autoencoder, L to a and b", "A5": "a residual U-Net, L to a and b", "A6": "pix2pix, grey to RGB",
    "A7": "varied pictures or faces", "A8": "augmentation", "A9": "Lab or RGB", "A10": "FID, and people's judgement",
    "A11": "the whole pipeline on family photographs", "A12": "what the report left for later",
    "B1": "three levels", "B2": "five levels", "B3": "three levels with skips", "B4": "five levels with skips",
    "B5": "seven metrics, in two conventions",
    "C1": "pix2pix in Lab", "C2": "a U-Net on a pretrained ResNet18, L1 alone", "C3": "the same, then adversarial",
    "C4": "C2 and C3 side by side",
    "D1": "U-Net", "D2": "U-Net that is told a segmentation", "D3": "U-Net against a discriminator", "D4": "losses",
    "D5": "activations, outputs, convolutions per block", "D6": "the weight of the L1 part", "D7": "grain on the input",
    "D8": "historical photographs and other sizes", "D9": "many and varied pictures", "D10": "metrics that miss color",
    "E1": "pix2pix", "E2": "pix2pix and LPIPS", "E3": "WGAN-GP", "E4": "WGAN-GP and LPIPS", "E5": "the losses' curves",
}  # fmt: skip
INTRODUCTION = """{} of {} experiments have a result. Runs are *small* (photographs, a size that two CPU cores manage) or *full*
(the report's own settings). A claim is a sentence of the report in figures; it held if it held in every seed. An id leads to its
figures, beside the report's, and to its curves."""
FEW = 6   # so many figures are columns; more are rows, where they are more than the arms
MANY = 16  # so many figures are all shown; of more, those in NEEDLESS are not
FIRST = ("ab_rmse", "ciede2000", "colorfulness", "psnr", "ssim", "mse", "mae", "fid_proxy", r"features_\w+", r"\w+_ab_rmse",
         "true_colorfulness")                             # the order; what else a lesson measures follows
NEEDLESS = re.compile(r"untouched_\w+|\w+_as_reported|rmse|uqi|fsimc?|vif")


def is_result(name: str, result: Mapping) -> bool:
    """A4.json of an experiment's record, not a bench or a single run."""
    return name in WHAT and {"experiment", "scale", "arms", "claims", "verdict"} <= set(result)


def cell(value) -> str:
    """One value in a table: a number with four digits (0.999995, which is not 1, with six), a text on one line."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if 1e4 <= abs(value) < 1e8 else f"{value:.6g}" if 0.9995 <= abs(value) < 1 else f"{value:.4g}"
    return " ".join(re.sub(r"([*<|\\])", r"\\\1", str(value)).split())


def table(head: list[str], lines: list[list]) -> str:
    """Markdown; values go through cell(), but what is in a list of one is Markdown already."""
    def row(values) -> str:
        return "| " + " | ".join(v[0] if isinstance(v, list) else cell(v) for v in values) + " |"
    return "\n".join([row(head), "|" + " --- |" * len(head), *map(row, lines)])


def overview(results: Mapping[str, Mapping], pages: Mapping[str, str]) -> str:
    """Every experiment with its state. pages: lesson -> its page, for links; those that are there."""
    parts = []
    for letter, title in REPORTS.items():
        lines = []
        for name in (n for n in WHAT if n[0] == letter):
            r = results.get(name)
            if r is None:
                lines.append([name, WHAT[name], "not yet run", "", "", ""])
                continue
            lesson = r.get("lesson", "")
            link = [f"[{lesson.partition('_')[0]}]({pages[lesson]})"] if lesson in pages else lesson
            lines.append([[f"[{name}](results_{letter}.md#{name.lower()})"], WHAT[name], state(r), held(r), own_words(r), link])
        head = ["id", "what", "run", "claims held", "verdict", "lesson"]
        parts.append(f"## Report {letter}. {title}\n\n{{.overview}}\n{table(head, lines)}")
    return "\n\n".join([INTRODUCTION.format(len(results), len(WHAT)), *parts])


def state(result: Mapping) -> str:
    """Its size, its pictures, and how many seeds."""
    n, data = seeds(result), result.get("data", {}).get("name", "")
    return ", ".join(x for x in (result["scale"], data, f"{n} seed{'s' * (n > 1)}") if x)


def seeds(result: Mapping) -> int:
    return max((len(f["values"]) for arm in result["arms"].values() for f in arm["figures"].values()), default=1)


def held(result: Mapping) -> str:
    claims = result["claims"]
    return f"{sum(c['held'] for c in claims)} of {len(claims)}" if claims else "none to test"


def own_words(result: Mapping) -> str:
    """The verdict less the claims that it begins with: these are listed."""
    claims = "; ".join(c["words"] for c in result["claims"])
    return result["verdict"].removeprefix(claims).lstrip(". ")


def section(name: str, result: Mapping) -> str:
    """One experiment, or one further measurement of the same schema, in full."""
    data, device = result.get("data", {}), result.get("device", "")
    stands = f", standing in for {data['stands_in_for']}" if data.get("stands_in_for") else ""
    n = f", n = {data['n']}" if data.get("n") is not None else ""
    ran = result.get("environment", {})
    machine = ", ".join(x for x in (device, ran.get("processor"), "" if device.startswith("cpu") else ran.get("gpu"),
                                    f"PyTorch {ran['torch']}" if "torch" in ran else "") if x)
    title = f"{name}. {cell(WHAT[name][0].upper() + WHAT[name][1:])}" if name in WHAT else name
    parts = [f"({name.lower()})=\n\n## {title}", cell(result.get("question", "")),
             f"Pictures: {cell(data.get('name', ''))}{cell(stands)}{n}. Size: {result['scale']}. Machine: {cell(machine)}. "
             f"[{name}.json](results/{name}.json)",
             f"```bash\n{result.get('command', '')}\n```",
             f"**Measured**, {'mean and range over the seeds' if seeds(result) > 1 else 'one seed'}", measured(result["arms"])]
    if len(shown(result["arms"])) < len(figures(result["arms"])):
        parts.append(f"All {len(figures(result['arms']))} figures: [lessons/results/{name}.json](results/{name}.json)")
    reported = list(flat(result.get("reported", {})))
    if reported:
        parts += ["**Reported**", table(["figure", "the report"], [list(pair) for pair in reported])]
    else:
        parts += ["**Reported**: no figure."]
    if result["claims"]:
        parts += ["**Claims**", "\n".join(f"- {cell(c['words'])}" for c in result["claims"])]
    return "\n\n".join([*parts, f"**Verdict** {cell(own_words(result))}"])


def measured(arms: Mapping[str, Mapping]) -> str:
    """Arms against figures."""
    across = shown(arms)
    grid = {(arm, name): spread(values) for arm in arms for name, values in arms[arm]["figures"].items()}
    if len(across) <= max(FEW, len(arms)):
        return table(["", *across], [[arm, *(grid.get((arm, f), "") for f in across)] for arm in arms])
    return table(["", *arms], [[f, *(grid.get((arm, f), "") for arm in arms)] for f in across])


def figures(arms: Mapping[str, Mapping]) -> list[str]:
    return list(dict.fromkeys(name for arm in arms.values() for name in arm["figures"]))


def shown(arms: Mapping[str, Mapping]) -> list[str]:
    """The figures that a table has, those that matter most first."""
    names = figures(arms)
    if len(names) > MANY:
        names = [name for name in names if not NEEDLESS.fullmatch(name)]
    return sorted(names, key=lambda name: next((i for i, first in enumerate(FIRST) if re.fullmatch(first, name)), len(FIRST)))


def spread(f: Mapping) -> str:
    """A mean, and the range about it where there is one."""
    mean, low, high = (cell(f[of]) for of in ("mean", "low", "high"))
    return mean if low == high else f"{mean} ({low} to {high})"


def flat(values: Mapping, before: str = ""):
    """(name, value) of a mapping whose values may be mappings."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}, ")
        else:
            yield f"{before}{name}", ", ".join(map(cell, value)) if isinstance(value, list) else value


def curves(result: Mapping) -> Figure | None:
    """A panel for each column of the log that several epochs have, a line for each arm, a band over its seeds."""
    lines: dict[str, dict[str, list]] = {}
    for arm, values in result["arms"].items():
        for run in values.get("curves", []):
            for name, column in run.items():
                if len(column) > 1 and None not in column:
                    lines.setdefault(name, {}).setdefault(arm, []).append(column)
    if not lines:
        return None
    names = sorted(lines, key=lambda name: (not name.startswith("val_"), name))
    wide = min(3, len(names))
    figure = Figure(figsize=(3.9 * wide, 2.7 * -(-len(names) // wide)), layout="constrained")
    panels = figure.subplots(-(-len(names) // wide), wide, squeeze=False).flat
    arms = list(result["arms"])
    many = colormaps["turbo"](np.linspace(0, 0.95, len(arms)))
    colors = dict(zip(arms, many if len(arms) > 10 else colormaps["tab10"].colors))
    for name, axes in zip(names, panels):
        for arm, runs in lines[name].items():
            short = min(map(len, runs))
            seeds, at = np.array([run[:short] for run in runs], float), np.arange(1, short + 1)
            axes.plot(at, seeds.mean(0), color=colors[arm], label=arm, lw=1.4)
            if len(seeds) > 1:
                axes.fill_between(at, seeds.min(0), seeds.max(0), color=colors[arm], alpha=0.15, lw=0)
        axes.set_title(name.replace("val_", "validation: "), fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in panels:                                   # those left over
        axes.set_axis_off()
    handles = {label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels())}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=min(4, len(handles)), fontsize=8, frameon=False)
    return figure


def names(paths) -> list[str]:
    """File names without .json, A2 before A10, results before others."""
    stems = [PurePosixPath(p).stem for p in paths]
    order = {name: i for i, name in enumerate(WHAT)}
    return sorted(stems, key=lambda s: (order.get(s, len(order)), s))
