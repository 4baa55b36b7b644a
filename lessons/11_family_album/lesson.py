"""Lesson 11. The family album: old photographs, cleaned and colored.           reproduces: report A, A11; report D, D8

Question   The networks learned from photographs of our day, small and square. What do they make of old ones, of any size?
Needs      lessons 03 (noise), 07 (adversarial training), 10 (color and resolution); --small needs their runs, 01's and 02's
Run        python lessons/11_family_album/lesson.py --quick                      half a minute, drawn scenes made old
           python lessons/11_family_album/lesson.py --small --data FOLDER        10 minutes of a core, after the lessons above
           python lessons/11_family_album/lesson.py --data FOLDER        the same with runs of full size
Read       minicolor/restoring/pipeline.py, minicolor/coloring.py, then lessons/family_album.md: a longer look, by eye
"""

# %%
import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from minicolor import colorize, plates
from minicolor.archive import manifest
from minicolor.coloring import from_lab, join
from minicolor.data import photos, scenes
from minicolor.data.loader import Loader
from minicolor.errors import BadInput
from minicolor.evaluation.answers import Answers
from minicolor.evaluation.measure import measure
from minicolor.evaluation.networks import Networks
from minicolor.held_out import baselines, evaluate
from minicolor.lesson import begin, claim, must_fail
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.models.superres_unet import SuperResUNet
from minicolor.ops.degrade import degrade
from minicolor.ops.lab import rgb_to_lab
from minicolor.plots import bars, rows
from minicolor.recipes import dncnn, residual_unet
from minicolor.restoring.pipeline import Pipeline
from minicolor.trained import trained

here = begin("11_family_album")
ELSEWHERE = here.out.parent             # other lessons' runs stand beside this one's
if not here.quick and not here.data:
    raise BadInput("this lesson needs --data FOLDER with the folders paintings, prokudin_plates and historical")

# %% [markdown]
# ## 1. Pictures made old
#
# Nobody knows the true colors of real old photographs. So six drawn scenes are made old: odd sizes, blurred, grey, noisy; all
# but one are toned. Their colors are known, and no network has seen them.

# %%
def tensor(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255


def made_old(rgb: np.ndarray, number: int) -> np.ndarray:
    """(H, W, 3) uint8 -> the same size: blurred, grey, noisy; toned brown where number is not 0."""
    grey = degrade(tensor(rgb), kernel_size=3, sigma=0.7, noise=0.06, seed=number)
    lightness = rgb_to_lab(grey.expand(-1, 3, -1, -1))[:, :1]
    tone = (number > 0) * 4 * lightness / 100 * (1 - lightness / 100)          # paper and the deepest black stay neutral
    return from_lab(torch.cat([lightness, 6 * tone, 14 * tone], dim=1), np.dtype("uint8"))


truth, box, album = {}, here.out / "box", here.out / "album"
box.mkdir(parents=True, exist_ok=True)
for number, (height, width) in enumerate([(97, 160), (160, 121), (133, 159)] * 2):
    truth[f"print_{number}.png"] = scenes.draw(11 + here.seeds[0], number, 160).rgb[:height, :width]
    photos.write(box / f"print_{number}.png", made_old(truth[f"print_{number}.png"], number))

# %% [markdown]
# ## 2. Predict first
#
# A network that learned at 32x32 pixels colors a picture of 160x121. Write down: how large is the result, how sharp is it, and
# what becomes of the brown tone? Which part of a picture has to be guessed, and which must not be touched?

# %% 3. Two small networks: one removes noise, one guesses a and b from L. With --small the other lessons' runs are used.
COLORS = {"size": 32, "epochs": 5, "batch_size": 8, "pictures": 400, "lr": 3e-3}
CLEANS = {"size": 32, "epochs": 12, "batch_size": 4, "pictures": 200, "lr": 1e-2, "crop": 0, "crops": 1, "depth": 4, "width": 8,
          "sigma": 0.06}
arms = {"color": here.sized(residual_unet, "faces", COLORS, {}), "clean": here.sized(dncnn, "faces", CLEANS, {})}
COLOR, CLEAN = ([arm.folders[0] for arm in here.compare(arms).values()] if here.quick else
                [ELSEWHERE / f"{run}-{here.seeds[0]}" for run in ("07_adversarial/pix2pix", "03_noise/dncnn")])

# %% 4. The whole pipeline, through its own door: python -m minicolor.colorize box album --run ... --denoise ...
try:
    colorize.main([*map(str, (box, album, "--run", COLOR, "--denoise", CLEAN)), "--overwrite", "--device", here.device])
except SystemExit as end:               # a door ends with an exit code, 0 where all went well
    assert not end.code, "a photograph has no result"
entries = {entry["output"]: entry for entry in manifest.read(album) if entry["error"] is None}      # of each the last
print("\n".join(f"{name}: {e['size'][0]} x {e['size'][1]}, {e['seconds']}, {e['notes']}" for name, e in entries.items()))

pipeline = Pipeline(run=COLOR, denoise=CLEAN, device=here.device)
cleaned = {name: pipeline.prepared(photos.read(box / name, deep=True))[0] for name in truth}      # (H, W) uint16
results = {path.name: photos.read(path).rgb for path in sorted(album.glob("*.png"))}


def grey(plane: np.ndarray) -> np.ndarray:
    return np.repeat((plane / 257).round().astype(np.uint8)[..., None], 3, axis=2)


def share_kept(rgb: np.ndarray, plane: np.ndarray) -> float:
    """(H, W, 3) uint8 and the grey plane (H, W) uint16 that it was made from -> the share of pixels within 1 of its L*."""
    own = torch.from_numpy(plane / 65535).float().expand(1, 3, -1, -1)
    return ((rgb_to_lab(tensor(rgb)) - rgb_to_lab(own))[:, 0].abs() <= 1).float().mean().item()


shown = {"old print": [photos.read(box / name).rgb for name in truth], "cleaned": map(grey, cleaned.values()),
         "colored": results.values(), "truth": truth.values()}
here.show("album", rows({what: torch.cat([tensor(rgb[:97, :121]) for rgb in of]) for what, of in shown.items()}))

# %% [markdown]
# ## 5. What you should have seen
#
# The color is guessed small and comes back blurred; hardly anybody sees that, for the eye is sharp in lightness alone. Lightness
# is not guessed at all: it is the print's own, cleaned, pixel by pixel. So the result has the print's size and details. Its tone
# is gone: a network is shown L alone. If the next cell fails, the lesson is wrong, not you.

# %%
def nothing_but_color_is_new(results: dict[str, np.ndarray]) -> None:
    assert set(results) == set(truth) == set(entries), "a photograph is missing, or is not in the manifest"
    for name, rgb in results.items():
        assert rgb.shape == truth[name].shape, f"{name} has another size"
        assert (kept := share_kept(rgb, cleaned[name])) > 0.999, f"{name}: only {kept:.1%} have kept their L* within 1"


def colors_are_nearer(results: dict[str, np.ndarray]) -> None:
    made, left = (np.mean([ab_rmse(tensor(of[name]), tensor(truth[name])).item() for name in truth])
                  for of in (results, {name: grey(plane) for name, plane in cleaned.items()}))
    print(f"ab-RMSE {made:.1f}, left grey {left:.1f}")
    assert made < 0.95 * left, f"ab-RMSE should be 5 % below that of grey at least: {made:.1f} against {left:.1f}"


nothing_but_color_is_new(results)

# spoiled: lightness from the network's small picture, as a network that answers RGB would give it
small = {name: F.interpolate(rgb_to_lab(tensor(rgb)), size=(32, 32), mode="area") for name, rgb in results.items()}
must_fail(nothing_but_color_is_new, {name: from_lab(F.interpolate(lab, truth[name].shape[:2]), np.dtype("uint8"))
                                     for name, lab in small.items()})

if here.quick:      # with --small the network has learned faces, and these are no faces
    colors_are_nearer(results)
    # spoiled: a and b exchanged, a mistake that no shape gives away
    must_fail(colors_are_nearer, {name: join(plane, pipeline.colorizer.ab(plane).flip(0)) for name, plane in cleaned.items()})

# %% [markdown]
# ## 6. Which sizes a fully convolutional network takes
#
# Report D: "inputs of other sizes". Convolutions take any; but after 4 halvings a skip only fits a multiple of 16 again.

# %%
network, taken = SuperResUNet(base=2, levels=4).eval(), {}
for height, width in ((16, 16), (32, 48), (40, 40), (64, 80), (100, 64)):
    try:
        taken[f"{height}x{width}"] = "x".join(map(str, network(torch.zeros(1, 1, height, width)).shape[2:]))
    except ValueError:
        taken[f"{height}x{width}"] = "an error"
print("\n".join(f"{size:8s} -> {what}" for size, what in taken.items()))

# %% [markdown]
# ## 7. Zero-shot: paintings, and the true color of 1910
#
# Paintings have true colors. So have glass plates of 1910, exposed through three filters: a network is shown the green one.

# %%
LESSONS = {"pix2pix": "07_adversarial", "lab": "01_color_spaces", "varied": "02_pictures_as_data",
           "unet": "10_color_and_resolution", "fusion": "10_color_and_resolution", "gan_150": "10_color_and_resolution"}
RUNS = {name: [str(ELSEWHERE / lesson / f"{name}-{seed}") for seed in here.seeds] for name, lesson in LESSONS.items()}


def on_paintings(name: str) -> dict[str, list[float]]:
    """Figures by name, one per seed, of all paintings; untouched_...: of the picture left grey."""
    found = {}
    for run in RUNS[name]:
        for row in measure(Answers(run, "all", here.pictures("paintings"), device=here.device), Networks()).rows:
            found.setdefault(row.name, []).append(row.summary.mean)
            found.setdefault(f"untouched_{row.name}", []).append(row.untouched)
    return found


def on_plates() -> tuple[dict, int]:
    """Who -> figures by name, one per seed; how many plates."""
    file, folder = here.out / "plates.json", Path(here.pictures("prokudin_plates"))
    without = [w for p in folder.glob("a_31421v.jpg") for w in ("--without", p.name)]       # a scan that is no plate of that time
    plates.main([str(folder), *sum(RUNS.values(), []), "--json", str(file), *without])
    told = json.loads(file.read_text(encoding="utf-8"))
    return {name: {figure: [np.mean(told["values"][Path(run).name][figure]) for run in runs] for figure in plates.FIGURES}
            for name, runs in ({"left grey": ["left grey"]} | RUNS).items()}, told["n"]


def at_twice_the_size(name: str) -> dict[str, list[float]]:
    """MAE on paintings at twice the side that was learned, one per seed; grey_mae: of the input doubled, left grey."""
    found = {"mae": [], "grey_mae": []}
    for run in RUNS[name]:
        recipe, step = trained(run, here.device)
        large = dataclasses.replace(recipe, size=2 * recipe.size, data=here.pictures("paintings"), pictures=10**6)
        every = Loader(pack := large.open(), range(len(pack)), 8, here.device, shuffle=False)
        figures = evaluate(step, large, every) | baselines(large, every, every)
        found = {figure: [*values, figures[figure]] for figure, values in found.items()}
    return found


def on_the_album() -> dict[str, float]:
    """The pipeline on every historical photograph: the least share of pixels whose lightness was kept, and seconds, of all."""
    album = Pipeline(run=COLOR, denoise=CLEAN, crop=True, strength=0.4, device=here.device)
    files = sorted(p for p in Path(here.pictures("historical")).iterdir() if photos.is_photo(p.name))
    found = {"photographs": len(files), "lightness_kept": 1.0, "seconds_denoise": 0.0, "seconds_color": 0.0}
    for photo in map(photos.read, files):
        plane, restored = album.prepared(photo)[0], album(photo)
        found["lightness_kept"] = min(found["lightness_kept"], share_kept(restored.rgb, plane))
        found |= {f"seconds_{stage}": found[f"seconds_{stage}"] + restored.seconds[stage] for stage in ("denoise", "color")}
    return found

# %% 8. The results
A, D = ("pix2pix", "lab", "varied"), ("unet", "fusion", "gan_150")
if not here.quick:
    (true, count), old = on_plates(), on_the_album()
    painted, twice = {name: on_paintings(name) for name in RUNS}, {name: at_twice_the_size(name) for name in D}
    here.show("plates", bars({who: np.array(of["ab_rmse"]) for who, of in true.items()}, "ab-RMSE on glass plates of 1910"))
    n = [len(Answers(RUNS[name][0], "all", here.pictures("paintings"))) for name in ("lab", "unet")]
    said = {name: f"ab-RMSE {np.mean(of['ab_rmse']):.2f}, CIEDE2000 {np.mean(of['ciede2000']):.2f}" for name, of in true.items()}

    def on(names):
        return {f"{a}, paintings": painted[a] for a in names} | {f"{a}, plates": true[a] for a in (*names, "left grey")}

    def nearer(names, *figures):
        return [claim(f"{a}, paintings: nearer than its input left grey ({f})", painted[a][f], painted[a][f"untouched_{f}"])
                for a in names for f in figures] + [claim(f"{a}, plates of 1910: nearer to the truth than left grey (ab-RMSE)",
                true[a]["ab_rmse"], true["left grey"]["ab_rmse"][0]) for a in names]

    here.record("A11", "the whole pipeline, on pictures that no network was trained for", on(A) | {"pipeline, historical": old}, [
        *nearer(A, "ab_rmse", "ciede2000"),
        claim("paintings: varied beats pix2pix of faces (ab-RMSE)", painted["varied"]["ab_rmse"], painted["pix2pix"]["ab_rmse"]),
        claim("on each old photograph 99.9 % of the pixels keep their L* within 1 (one run)", 0.999, old["lightness_kept"])],
        {"reported": "pictures; limits: backgrounds, low resolution"},
        {"name": "paintings", "stands_in_for": "the families' photographs, and the paintings of Fig. 16", "n": n[0]},
        f"On {count} plates of 1910 left grey has {said['left grey']}, pix2pix {said['pix2pix']}, lab {said['lab']}. Paintings "
        "and plates are colored alone, not denoised; on paintings pix2pix and varied are judged with the lightness that they "
        "drew, which colorize replaces by the picture's own. lessons/family_album.md tells what one sees. Older and longer: "
        "plates-prokudin_cpu.json.")
    here.record("D8", "color and resolution, zero-shot and at other sizes", on(D) | {f"{a}, twice": twice[a] for a in D}, [
        *nearer(D, "mae", "ciede2000", "ab_rmse"),
        *(claim(f"{a} at twice its size: nearer than its input doubled (MAE)", twice[a]["mae"], twice[a]["grey_mae"]) for a in D),
        *(claim(f"{a}: but less near than at its own size (MAE)", painted[a]["mae"], twice[a]["mae"]) for a in D)],
        {"reported": "pictures"}, {"name": "paintings", "stands_in_for": "the Historical Image Similarity set", "n": n[1]},
        f"On {count} plates the U-Net has {said['unet']}, left grey {said['left grey']}; there its color is joined to the "
        "plate's. Left grey is the input doubled, CLAHE and all: what is gained on paintings is lightness; ab-RMSE sees the "
        "color. At twice the size CLAHE's tiles spoil less: other inputs, too. Sizes: "
        + "; ".join(f"{size} gives {what}" for size, what in taken.items()) + ".")

# Now exercise.py, then: python lessons/grade.py 11
