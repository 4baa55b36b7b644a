"""Lesson 07. Somebody who looks: adversarial training.                  reproduces: report A, A6; report C, C1

Question   A car can be red, blue, yellow or turquoise, and the grey picture does not say which. What should a network answer?
Needs      lesson 06 (U-Net)
Run        python lessons/07_adversarial/lesson.py --quick                       half a minute, drawn scenes
           python lessons/07_adversarial/lesson.py --small --data FOLDER         an hour of two cores, faces and objects
           python lessons/07_adversarial/lesson.py                               the reports' settings: for a GPU
Read       minicolor/steps/gan.py, minicolor/losses/bce_gan.py, minicolor/models/patchgan.py, then minicolor/recipes/pix2pix.py
"""

# %%
import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.ambiguous import SEED, chroma_of_ambiguous
from minicolor.coloring import Colorizer
from minicolor.data.drawn.palette import TOSS_COLORS
from minicolor.data.loader import Loader
from minicolor.data.scenes import AMBIGUOUS, PARTS, draw_all
from minicolor.data.split import split
from minicolor.held_out import answer, evaluate, samples, settle
from minicolor.lesson import begin, claim, must_fail
from minicolor.losses.bce_gan import bce_gan
from minicolor.models.patchgan import PatchGAN
from minicolor.models.unet import UNet
from minicolor.ops.lab import rgb_to_lab
from minicolor.ops.srgb import linear_to_srgb
from minicolor.plots import bars, curves, rows
from minicolor.recipes import pix2pix, pix2pix_lab, residual_unet
from minicolor.steps.gan import GANStep
from minicolor.trained import trained

here = begin("07_adversarial")

# %% [markdown]
# ## 1. The mathematics of the middle
#
# Predict first: 32 free pixels, no network, are fitted to cars of four colors that all have one lightness. Where does each end
# with the squared error (L2)? With the absolute one (L1)? And if a small network D may look at cars and at pixels and says which
# is which, and the pixels move so that D takes them for cars?

# %%
cars = rgb_to_lab(linear_to_srgb(torch.from_numpy(np.stack(TOSS_COLORS))).clamp(0, 1))[:, 1:, 0, 0] / 110
print("four cars, a and b:", (110 * cars).round().tolist())


def fitted(loss: str, train_d: bool = True, steps: int = 600) -> Tensor:
    """loss: "l1", "l2" or "gan" -> where 32 free pixels end, (32, 2), a and b over 110. train_d: whether D learns."""
    torch.manual_seed(0)
    pixels = (0.1 * torch.randn(32, 2)).requires_grad_()
    d = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    adam, d_adam = torch.optim.Adam([pixels], 5e-3, (0.5, 0.999)), torch.optim.Adam(d.parameters(), 5e-3 * train_d, (0.5, 0.999))
    for i in range(steps):
        off = pixels[:, None] - cars                                    # from each of the four
        to_descend = off.abs().mean() if loss == "l1" else off.square().mean()
        if loss == "gan":
            blur = 0.1 * (1 - i / steps) * torch.randn(3, 32, 2)        # else D tells four points from all others in no time
            real, fake = cars[torch.randint(4, (32,))] + blur[0], pixels.detach() + blur[1]
            d_loss = bce_gan(d(real), real=True) + bce_gan(d(fake), real=False)
            d_adam.zero_grad()
            d_loss.backward()
            d_adam.step()
            to_descend = bce_gan(d(pixels + blur[2]), real=True)
        adam.zero_grad()
        to_descend.backward()
        adam.step()
    return pixels.detach()


def to_the_nearest(pixels: Tensor) -> float:
    return 110 * torch.cdist(pixels, cars).amin(1).mean().item()        # Lab units


ends = {loss: fitted(loss) for loss in ("l2", "l1", "gan")}
for loss, pixels in ends.items():
    print(f"{loss:4s} {to_the_nearest(pixels):5.1f} from the nearest car, chroma {110 * pixels.norm(dim=1).mean():5.1f}; so many "
          f"near each car: {torch.cdist(pixels, cars).argmin(1).bincount(minlength=4).tolist()}")

# %% [markdown]
# L2 ends in the mean of the four: a color that no car has. L1 ends in the median, axis by axis: anywhere between the two values
# in the middle. Which of the two is duller depends on the colors: compare the chromas. D alone makes each pixel *one* of the
# cars, and which is chance: D asks for a possible picture, not for the true one. That is why pix2pix adds L1.

# %%
def it_chooses(gan: Tensor) -> None:
    assert to_the_nearest(gan) < 0.6 * min(to_the_nearest(ends[loss]) for loss in ("l1", "l2")), "no nearer to a car"


it_chooses(ends["gan"])
must_fail(it_chooses, fitted("gan", train_d=False))                     # spoiled: D never learns what a car is

# %% 2. The step by hand: make the fake; update D on real and fake; update G with D frozen. `detach` keeps D's loss out of G;
# freezing D saves slopes of its weights that nobody would use. If the weights agree, this is what minicolor/steps/gan.py does.
torch.manual_seed(0)
generator, discriminator = UNet(1, 2, base=8, levels=5), PatchGAN(3, base=8)
library = GANStep(copy.deepcopy(generator), copy.deepcopy(discriminator), lr=1e-3, l1_weight=100.0)
x, y = pix2pix_lab.QUICK.task().prepare(torch.from_numpy(draw_all(0, 24, 32)).permute(0, 3, 1, 2))


def by_hand(update_d: bool = True, times: int = 3) -> list[Tensor]:     # all weights of G and D
    g, d = copy.deepcopy(generator), copy.deepcopy(discriminator)
    g_adam, d_adam = (torch.optim.Adam(net.parameters(), 1e-3, (0.5, 0.999), fused=True) for net in (g, d))
    for _ in range(times):
        fake = g(x)                                                     # 1. once; both updates use it
        d_loss = bce_gan(d(x, y), real=True) + bce_gan(d(x, fake.detach()), real=False)
        d_adam.zero_grad()
        d_loss.backward()                                               # 2. D sees pairs: the grey picture beside the color
        if update_d:
            d_adam.step()
        d.requires_grad_(False)
        g_loss = bce_gan(d(x, fake), real=True) + 100 * F.l1_loss(fake, y)
        g_adam.zero_grad()
        g_loss.backward()                                               # 3. through D to the picture, through it to G
        g_adam.step()
        d.requires_grad_(True)
    return [*g.state_dict().values(), *d.state_dict().values()]


def as_the_library(weights: list[Tensor]) -> None:
    theirs = [v for net in library.networks.values() for v in net.state_dict().values()]
    off = max((a - b).abs().max().item() for a, b in zip(weights, theirs, strict=True))
    assert off < 1e-4, f"the loop by hand and the library's differ by {off:.2g}"


for _ in range(3):
    library.step(x, y)
as_the_library(by_hand())
must_fail(as_the_library, by_hand(update_d=False))

# %% 3. Train on scenes: one network under L1, then the same with D. Not in --quick: lesson 06's U-Net under L2 and under L1.
QUICK = {"size": 32, "pictures": 240, "epochs": 6, "base": 16, "d_base": 8, "lr": 1e-3}
TOY, SMALL = {"size": 32, "pictures": 1500, "epochs": 6}, {"pictures": 800, "epochs": 5}
TOSS = {name: here.sized(recipe, "scenes", quick, TOY, data="scenes", **loss) for name, recipe, quick, loss in (
    ("ambiguous_pix2pix_l1", pix2pix_lab, QUICK, {"gan_weight": 0.0}), ("ambiguous_pix2pix_gan", pix2pix_lab, QUICK, {}),
    ("ambiguous_l1", residual_unet, {}, {"l1_weight": 1.0, "mse_weight": 0.0}), ("ambiguous_l2", residual_unet, {}, {}))}
table, drawn = here.compare(dict(list(TOSS.items())[: 2 if here.quick else 4])), 20 if here.quick else 200


def add(arm, prefix, measure) -> None:                                  # figures by name, of each of the arm's run folders
    found = [measure(folder) for folder in arm.folders]
    arm |= {prefix + name: np.array([f[name] for f in found]) for name in found[0]}


def strip(arms: dict, name: str) -> None:                               # grey, each arm's answers, the truth
    pack, shown = next(iter(arms.values())).recipe.open(), {}
    some = next(Loader(pack, split(pack.keys)["test"], 8, shuffle=False).epoch())[1]
    for arm_name, arm in arms.items():
        grey, shown[arm_name], truth = samples(*reversed(trained(arm.folders[0])), some)
    here.show(name, rows({"grey": grey, **shown, "truth": truth}))


for arm in table.values():
    add(arm, "ambiguous_", lambda folder: chroma_of_ambiguous(Colorizer(folder, here.device), drawn))
print(table.text("ab_rmse", "ambiguous_chroma", "ambiguous_truth", "ambiguous_elsewhere"))
gan, chroma = table["ambiguous_pix2pix_gan"], {n.removeprefix("ambiguous_"): arm["ambiguous_chroma"] for n, arm in table.items()}
here.show("chroma", bars(chroma | {"truth": gan["ambiguous_truth"]}, "chroma where any of four would do"))
strip(table, "scenes")
here.show("losses", curves({name: gan.curve(name) for name in ("d_real", "d_fake", "g_gan")}, "cross entropy"))

# %% [markdown]
# Look at jugs, doors and shirts, then compare the bars: which is nearer to the truth's chroma? And whose ab-RMSE is smaller? The
# middle has the smallest. The losses of a GAN do not fall as others do, since D and G pull at the two ends of one rope; D's two
# at .69 (log 2) each would mean that it only guesses.
#
# ## 4. The same network at test, read differently
#
# BatchNorm can use averages over training pictures ("running") or the statistics of the picture at hand ("batch", as in the
# paper); dropout can stay on, the paper's only noise (at 32 pixels the U-Net has none, at 64 one layer). And a run keeps the
# epoch with the smallest validation ab-RMSE, an error that L1 makes small and D does not: so the last one stands beside it.

# %%
A6 = here.sized(pix2pix, "faces", {}, SMALL)
faces = {} if here.quick else here.compare({"pix2pix": A6, "l1_alone": replace(A6, gan_weight=0.0),
                                            "residual_unet": here.sized(residual_unet, "faces", {}, {"pictures": 800})})
read = gan if here.quick else faces["pix2pix"]


def as_used(folder, norm: str, dropout: bool, epoch: str = "best.pt") -> dict[str, float]:
    recipe, step = trained(folder / epoch, here.device)
    recipe, pack = replace(recipe, norm_at_test=norm, dropout_at_test=dropout), recipe.open()
    parts = {part: Loader(pack, at, 16, here.device, shuffle=False) for part, at in split(pack.keys, recipe.seed).items()}
    if norm == "running" and read.recipe.norm_at_test == "batch":       # in full: training left these averages unsettled
        settle(step, recipe, parts["train"])
    torch.manual_seed(0)                                                # of dropout
    return evaluate(step, recipe, parts["test"])


for way, *used in (("running", "running", False), ("batch", "batch", False), ("batch_dropout", "batch", True),
                   ("last_epoch", read.recipe.norm_at_test, False, "last.pt")):
    add(read, f"{way}_", lambda folder: as_used(folder, *used))         # noqa: B023  called at once
    print(f"{way:14s} ab-RMSE {read[f'{way}_ab_rmse'].mean():.2f}, colorfulness {read[f'{way}_colorfulness'].mean():.1f}")

# %% 5. Report C: sky and trees fine, uncommon objects wrong (nearest here: those whose color a coin decides), color spills.
def errors(folder) -> dict[str, float]:
    """RMSE of a and b in Lab units over kinds of pixels, on scenes that no run saw: their every pixel's part is known."""
    recipe, step = trained(folder, here.device)
    pictures, mask = torch.from_numpy(draw_all(SEED, drawn, recipe.size, plane="mask")).permute(0, 3, 1, 2).split([3, 1], dim=1)
    x, y = recipe.task().prepare(pictures.to(here.device))
    off, which = 110**2 * (answer(step, recipe, x) - y).square().mean(1).cpu(), mask[:, 0].long()
    edge = (F.max_pool2d(mask.float(), 3, 1, 1) != -F.max_pool2d(-mask.float(), 3, 1, 1))[:, 0]
    nature, toss = (torch.tensor([part in names for part in PARTS])[which] for names in (
        {"sky", "cloud", "grass", "conifer", "broadleaf"}, AMBIGUOUS))
    kinds = zip(("sky_and_trees", "any_of_four", "edges", "inside"), (nature, toss, edge, ~edge))
    return {kind: off[where].mean().sqrt().item() for kind, where in kinds}


add(gan, "error_", errors)
print({name: round(float(values.mean()), 1) for name, values in gan.items() if name.startswith("error_")})

# %% 6. The reports' tables. In full, C1's run is on COCO; else it is lesson 08's own.
if not here.quick:
    strip(faces, "faces")
    (a6, alone, a5), data = faces.values(), {"name": Path(A6.data).name, "stands_in_for": "CelebA", "n": faces["pix2pix"].tested}
    claims = [claim("more colorful than L1 alone", alone["colorfulness"], a6["colorfulness"]),
              claim("its last epoch is more colorful than the one kept", a6["colorfulness"], a6["last_epoch_colorfulness"]),
              claim("better than the mean training color everywhere (ab-RMSE)", a6["ab_rmse"], a6["mean_ab_rmse"]),
              claim("running averages beat each picture's statistics (ab-RMSE)", a6["running_ab_rmse"], a6["batch_ab_rmse"])]
    claims += [claim(f"{what} ({figure})", a6[figure], other[figure]) for figure in ("ab_rmse", "fid_proxy") if figure in a6
               for what, other in (("A6 better than A5, as in the report", a5), ("A6 better than L1 alone", alone))]
    here.record("A6", "pix2pix, grey to RGB: hard to tell from the real image?", faces, claims,
                {"FID": 0.0163, "words": "hard to tell from the real image"}, data,
                f"Kept by ab-RMSE: epoch {', '.join(str(run['best_epoch']) for run in a6.runs)} of {a6.recipe.epochs}. A6 and "
                f"L1 alone draw the lightness anew, A5 keeps it; PSNR {a6['psnr'].mean():.1f}, {alone['psnr'].mean():.1f} and "
                f"{a5['psnr'].mean():.1f} dB: only what separates L1 alone from A5 can come of that. Whether people can tell was "
                "not asked. Longer: A6_faces_cpu.json.")
    c1 = replace(here, out=here.out.parent / "08_pretraining" if here.small else here.out).compare({"pix2pix_lab": here.sized(
        pix2pix_lab, "objects", {}, SMALL, **({"data": "coco"} if here.scale == "full" and not here.data else {}))})
    objects = c1["pix2pix_lab"]
    strip(c1, "objects")
    here.record(
        "C1", "pix2pix in Lab, and what each loss answers where the color is ambiguous", c1 | table,
        [claim("L1 alone averages to grey or brown when the color is ambiguous", chroma["pix2pix_l1"], gan["ambiguous_truth"]),
         claim("L1 does so less than L2 (chroma, A5's U-Net)", chroma["l2"], chroma["l1"]),
         claim("adversarial training adds chroma to L1", chroma["pix2pix_l1"], chroma["pix2pix_gan"]),
         claim("wrong, by construction: what has no one color", gan["error_sky_and_trees"], gan["error_any_of_four"]),
         claim("color spills: a larger error at edges than inside (RMSE)", gan["error_inside"], gan["error_edges"]),
         claim("objects: beats the mean color (ab-RMSE)", objects["ab_rmse"], objects["mean_ab_rmse"])],
        {"words": "sky and trees fine, uncommon objects wrong, color spills, round blotches"},
        {"name": f"{Path(objects.recipe.data).name} (last claim), scenes", "stands_in_for": "COCO", "n": objects.tested},
        f"Losses, parts and edges are measured on {drawn} drawn scenes; n counts the photographs alone. Uncommon objects were "
        "not tested: those here are common, a coin decides their color. Whether L1 or L2 is duller depends on where the colors "
        "lie. Grey or brown is read as little chroma. Blotches have no figure: look. Older: ambiguous-scenes_cpu.json.")

# Now exercise.py, then: python lessons/grade.py 07
