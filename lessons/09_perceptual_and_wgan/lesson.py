"""Lesson 09. A perceptual loss, and a critic on a spring.                      reproduces: report E, E1 to E5

Question   WGAN-GP asks of its critic a slope of length 1. How does a loss hold a slope, and what is it good for?
Needs      lesson 07 (adversarial training), lesson 05 (measuring)
Run        python lessons/09_perceptual_and_wgan/lesson.py --quick          half a minute, points and drawn scenes
           python lessons/09_perceptual_and_wgan/lesson.py --small --data FOLDER --features squeeze-keras      half an hour
           python lessons/09_perceptual_and_wgan/lesson.py                  the report's settings: for a GPU
             first: python -m minicolor.data.download weights alexnet lpips_alex
Read       minicolor/losses/gradient_penalty.py, minicolor/losses/lpips.py, minicolor/steps/wgan_gp.py
"""

# %%
from pathlib import Path

import numpy as np
import torch
from torch import nn

from minicolor.evaluation.answers import Answers
from minicolor.held_out import SEED, answer
from minicolor.lesson import begin, claim, must_fail
from minicolor.losses.bce_gan import bce_gan
from minicolor.losses.gradient_penalty import gradient_penalty
from minicolor.losses.wasserstein import critic_loss, generator_loss
from minicolor.models.modes import at_test
from minicolor.ops.lab import rgb_to_lab
from minicolor.plots import bars, curves, rows
from minicolor.recipes import recolor_lpips, recolor_pix2pix, recolor_wgan, recolor_wgan_lpips
from minicolor.trained import best, trained

here = begin("09_perceptual_and_wgan")

# %% [markdown]
# ## 1. The penalty, by hand
#
# A Wasserstein critic C gives true pictures high numbers and generated ones low numbers. Nothing keeps the difference small:
# twice the critic has twice the difference. It is a distance only where C is nowhere steeper than 1. WGAN-GP adds to the loss
#
#     10 * mean of (length of the slope of C - 1)^2        at points between true and generated pictures
#
# The slope is a derivative, and the loss is differentiated again: `create_graph=True` keeps what that needs. By hand, for a
# critic whose score is w times the picture, so that its slope is w everywhere, here of length 2:

# %%
w = torch.full((1, 3, 2, 2), 2 / 12**0.5, dtype=torch.float64, requires_grad=True)
real, fake = torch.rand(2, 4, 3, 2, 2, dtype=torch.float64)
e = torch.rand(4, 1, 1, 1, dtype=torch.float64)                       # one for each picture
between = (e * real + (1 - e) * fake).requires_grad_()
scores = (w * between).sum((1, 2, 3))                                 # (4,)
(slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
penalty = 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
print(f"slope of length 2: 10 (2 - 1)^2 = {penalty:.6f}")
assert abs(penalty - 10) < 1e-9
assert abs(10 * gradient_penalty(lambda x: (w * x).sum((1, 2, 3)), real, fake) - 10) < 1e-9              # the library's

# the derivative of a derivative, for a critic that is no straight line: autograd against the difference of two penalties
kernel = torch.randn(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(lambda k: gradient_penalty(lambda x: nn.functional.conv2d(x, k).tanh(), real, fake, draws=e),
                                kernel)

# %% [markdown]
# Two places to go wrong. WHERE: equation 1 of report E takes the slope at generated pictures; the paper takes it between the two,
# because a critic can be gentle at both ends and a cliff in the middle. OF WHAT: PatchGAN gives a map of scores. The usual code
# differentiates its sum; the losses take its mean. With 30x30 patches a sum of slope 1 is a mean of slope 1/900.

# %%
two, zero, spread = torch.full((100, 1, 1, 1), 2.0), torch.zeros(100, 1, 1, 1), torch.linspace(0, 1, 100).view(-1, 1, 1, 1)
for where, draws in {"true pictures, at 2": two / 2, "generated ones, at 0": zero, "points between": spread}.items():
    cliff = gradient_penalty(lambda x: x + 3 * x.clamp(0.5, 1.5), two, zero, draws=draws)      # slope 4 from 0.5 to 1.5, else 1
    print(f"the penalty of a cliff, asked at {where}: {cliff:.2f}")

# %% [markdown]
# ## 2. Predict first
#
# Points in a plane: the "generated" ones around (0, 0), the "true" ones around (3, 0). The distance that a critic should find is
# 3, the way each point has to be moved. Report E's text says that the critic's loss is "multiplied by" the penalty, its equation
# adds it. Write down what each of the three finds: penalty added, no penalty, multiplied.

# %% 3. Train the three critics.
STEPS, SHIFT, WEIGHT = 300, 3.0, 10.0


def trained_critic(kind: str, seed: int) -> list[float]:
    """The distance that the critic sees, at each step."""
    torch.manual_seed(seed)
    bend = nn.LeakyReLU(0.2)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(2, 64), bend, nn.Linear(64, 64), bend, nn.Linear(64, 1))
    adam, seen = torch.optim.Adam(critic.parameters(), 2e-3, (0.5, 0.9)), []
    for _ in range(STEPS):
        fake, real = torch.randn(2, 128, 2, 1, 1)                     # a point is a picture of one pixel and two channels
        real[:, 0] += SHIFT
        loss = critic_loss(critic(real), critic(fake))                # mean C(fake) - mean C(real)
        seen.append(-loss.item())
        spring = WEIGHT * gradient_penalty(critic, real, fake) if kind != "no penalty" else torch.zeros(())
        spring = spring.detach() if kind == "without create_graph" else spring       # the value is there, its derivative is not
        loss = loss * spring if kind == "multiplied" else loss + spring
        adam.zero_grad()
        loss.backward()
        adam.step()
    return seen


distances = {kind: np.array([trained_critic(kind, s) for s in here.seeds]) for kind in ("added", "no penalty", "multiplied")}
print({kind: f"{seen[:, -50:].mean():.2f}" for kind, seen in distances.items()})
here.show("distance", curves({kind: seen.clip(max=20) for kind, seen in distances.items()}, "distance seen, cut at 20", "step"))

# %% [markdown]
# ## 4. What you should have seen
#
# Added: a little above 3. The penalty is a spring, not a wall: a critic of slope s gains 3 s and pays 10 (s - 1)^2; the best s is
# 1 + 3/20, which says 3 * 1.15 = 3.45. Without: endless growth. Multiplied: the difference is negative in the loss, so a LARGE
# penalty lowers it: steepness pays. The equation is right, the text is not. If the next cell fails, the lesson is wrong, not you.


# %%
def the_spring_holds(seen: float) -> None:
    expected = SHIFT * (1 + SHIFT / (2 * WEIGHT))
    assert abs(seen - expected) < 0.6, f"the critic should say about {expected:.2f}, not {seen:.1f}"


the_spring_holds(distances["added"][:, -50:].mean())
must_fail(the_spring_holds, np.mean(trained_critic("without create_graph", 0)[-50:]))     # nobody warns: the loss looks the same
must_fail(the_spring_holds, distances["multiplied"][:, -50:].mean())

# %% [markdown]
# ## 5. Pictures
#
# Report E: 2 x 2 networks, with and without 50 LPIPS, BCE or WGAN-GP. Its "weight decay 0.5" is Adam's beta1; its weights are
# drawn with sigma "0.2" where pix2pix has 0.02: the four have 0.02, and one more arm has 0.2. Without LPIPS's own network its
# heads look through another SqueezeNet: a perceptual distance, but no LPIPS value.

# %%
QUICK, SMALL = {"size": 32, "pictures": 160, "epochs": 1, "base": 8, "d_base": 8}, {"pictures": 650, "epochs": 3}
arms = {
    "pix2pix": here.sized(recolor_pix2pix, "objects", QUICK, SMALL),
    "lpips": here.sized(recolor_lpips, "objects", QUICK, SMALL | {"features": "squeeze-keras"}),
    "wgan": here.sized(recolor_wgan, "objects", QUICK, SMALL),
    "wgan_lpips": here.sized(recolor_wgan_lpips, "objects", QUICK, SMALL | {"features": "squeeze-keras"}),
    "init_0.2": here.sized(recolor_pix2pix, "objects", QUICK, SMALL, init_std=0.2),
}
if here.quick:
    arms = {name: arms[name] for name in ("pix2pix", "wgan")}          # the other two look through downloaded weights
table = here.compare(arms)
FOUR = [name for name in table if name != "init_0.2"]

# %% The report's errors are values of four losses. Let one network answer, pix2pix's, and give its answers to all judges.
def errors(answers: str, judge: str, seed: int) -> dict[str, float]:
    """Test pictures answered by one arm's generator -> both losses of another arm."""
    asked = Answers(table[answers].folders[seed], device=here.device)
    recipe, step = trained(table[judge].folders[seed], here.device)
    recipe.equip(step)                                                 # LPIPS, where it has that term
    role, critic = list(step.networks.items())[1]
    critic.load_state_dict(best(table[judge].folders[seed])["networks"][role])
    nn.ModuleList([critic, *step.rulers]).to(here.device)
    found = []
    for some in (part for _, batch in asked.loader.epoch() for part in batch.split(recipe.batch_size)):
        x, y = asked.task.prepare(some, SEED)
        fake = answer(asked.step, asked.recipe, x).clone()
        with torch.no_grad(), at_test(critic, "batch"):                # as in training
            on_real, on_fake, near = critic(x, y), critic(x, fake), step.off_by(fake, y)[1]
        if role == "critic":
            penalty = gradient_penalty(critic, y, fake, x, patches=step.patches)
            gan, other = generator_loss(on_fake), critic_loss(on_real, on_fake) + step.penalty_weight * penalty
        else:
            gan, other = bce_gan(on_fake, True), bce_gan(on_real, True) + bce_gan(on_fake, False)
        found += [[(gan + near).item(), other.item()]] * len(x)
    return dict(zip(("generator_error", "discriminator_error"), torch.tensor(found).mean(0).tolist(), strict=True))


runs = range(len(here.seeds))
spans = ", ".join(f"{np.mean([errors('pix2pix', n, seed)['generator_error'] for seed in runs]):.1f} under {n}" for n in FOUR)
print(f"the same answers' generator error: {spans}")

# %% [markdown]
# A BCE cannot be below 0, a critic's score can be anything, and a term more makes the sum larger: were the rest the same, the
# report's rise from E1 to E2 would be 50 LPIPS of 0.03. Compare with yours. What can be compared is measured on pictures, and so
# can what report E saw. "Small squares": up-sampling by 2 makes squares of two pixels, and every second column special; in
# photographs none is. "Sepia": is there more yellow (b) than in the truth, or does more of all color point one way?
# (With --quick the networks have made some sixteen steps: look at the grid, the pictures are not there yet.)


# %% 6. Look, and measure.
def seen_in(arm: str, seed: int) -> dict[str, float]:
    """Of the test answers and of the truth: mean b, the share of color that points one way (1: one hue), a grid in L*."""
    strips, figures = [batch.shown[1:] for batch in Answers(table[arm].folders[seed], device=here.device)], {}
    for whose, pictures in zip(("", "true_"), map(torch.cat, zip(*strips, strict=True)), strict=True):
        lab = rgb_to_lab(pictures)
        ab = lab[:, 1:].transpose(0, 1).flatten(1)                     # (2, all pixels)
        steps = lab[:, 0].diff(dim=-1).abs().mean((0, 1))[1:-1]        # (columns,): from each column to the next
        even, odd = steps[::2].mean(), steps[1::2].mean()
        found = ab[1].mean(), ab.mean(1).norm() / ab.norm(dim=0).mean(), (even - odd).abs() / (even + odd)
        figures |= {whose + name: v.item() for name, v in zip(("mean_b", "one_way", "grid"), found, strict=True)}
    return figures | (errors(arm, arm, seed) if arm in FOUR else {})


answers = {}
for name, arm in table.items():
    found = [seen_in(name, seed) for seed in runs]
    arm.update({figure: np.array([one[figure] for one in found]) for figure in found[0]})
    grey, answers[name], truth = (row[:6] for row in Answers(arm.folders[0], device=here.device).batch(0).shown)
print(table.text("ab_rmse", "psnr", "colorfulness", "grid", "mean_b", "one_way"))
here.show("answers", rows({"grey, equalized": grey, **answers, "truth": truth}))
here.show("grid", bars({n: arm["grid"] for n, arm in table.items()} | {"truth": arm["true_grid"]}, "grid of period 2 in L*"))

# %% 7. The report's curves, and its table.
REPORTED = dict(zip(FOUR, [("E1", 8.9982, .3435), ("E2", 10.4122, .4239), ("E3", 11.0813, .6886), ("E4", 10.6731, .8153)]))
if not here.quick:
    full = here.scale == "full"
    ours = {n: table[n].curve("g_gan") + 100 * table[n].curve("g_l1") for n in FOUR}
    ours |= {n: ours[n] + 50 * table[n].curve("g_lpips") for n in ("lpips", "wgan_lpips")}
    theirs = {n: table[n].curve("d_real") + table[n].curve("d_fake") for n in ("pix2pix", "lpips")}
    theirs |= {n: table[n].curve("c_distance") + 10 * table[n].curve("c_penalty") for n in ("wgan", "wgan_lpips")}
    here.show("generator_loss", curves(ours, "four losses, not one scale", title="generators: report E, Fig. 8"))
    here.show("discriminator_loss", curves(theirs, "two losses, not one scale", title="their opponents: report E, Fig. 9"))
    old, far, last = (table[name] for name in ("pix2pix", "lpips", "wgan_lpips"))
    look = next((f for f in old if f.startswith(("features", "lpips"))), None)                # where --features asks for one
    print(table.text("ciede2000", *([look, "fid_proxy"] if look else []), "generator_error", "discriminator_error"))
    term = {"wgan": "", "lpips": " (it has a term more)", "wgan_lpips": " (it has a term more)"}
    claims = {name: [claim("nearer than E1 (CIEDE2000)", table[name]["ciede2000"], old["ciede2000"])]
              + [claim("... by the perceptual distance, which LPIPS arms train on", table[name][f], old[f]) for f in [look] if f]
              + [claim(f"generator error above E1's{term[name]}", old["generator_error"], table[name]["generator_error"])]
              for name in FOUR[1:]}
    claims["pix2pix"] = [claim("sigma 0.02 trains better than 0.2 (ab-RMSE)", old["ab_rmse"], table["init_0.2"]["ab_rmse"]),
                         claim("better than the picture left grey (ab-RMSE)", old["ab_rmse"], old["grey_ab_rmse"])]
    data = {"name": Path(old.recipe.data).name, "stands_in_for": "Imagenette, 500 and 150 pictures", "n": old.tested}
    for name, (experiment, generator, opponent) in REPORTED.items():
        about = {"pix2pix": ["init_0.2"], "wgan_lpips": ["lpips", "wgan", "wgan_lpips"]}.get(name, [name])
        critic = "Its critic's penalty is on the mean of its map, ours; a critic's error is a distance, negative by nature. "
        critic += "" if full else "It has InstanceNorm where the report has BatchNorm. "
        smaller = "" if full else "Smaller pictures, narrower networks, larger batches, fewer steps than the report's. "
        here.record(experiment, f"grey, blurred and equalized, to RGB: {name}", {n: table[n] for n in ("pix2pix", *about)},
            claims[name], {"generator error": generator, "discriminator error": opponent}, data,
            "The printed errors are losses of four objectives and rank nothing: the same answers, pix2pix's, have a generator "
            f"error of {spans}. {smaller}All begin with a sigma of {old.recipe.init_std:g}; the report prints 0.2 (arm init_0.2 "
            f"of E1). {critic * name.startswith('wgan')}Kept epochs: {table[name].kept}. LPIPS's heads on squeeze-keras give no "
            f"LPIPS. Lightness is guessed, too: the true one alone has a CIEDE2000 of {old['untouched_ciede2000'].mean():.1f}.")
    here.record("E5", "curves and pictures: squares, vividness, sepia", table, [
        claim("LPIPS alone shows small squares: more grid than pix2pix", old["grid"], far["grid"]),
        claim("... and than LPIPS with WGAN-GP", last["grid"], far["grid"]),
        *(claim(f"the last is more vivid than {n}", table[n]["colorfulness"], last["colorfulness"]) for n in FOUR[:3]),
        claim("a sepia hue remains: more b than the truth", last["true_mean_b"], last["mean_b"]),
        claim("... or more of its color one way, whichever", last["true_one_way"], last["one_way"]),
        claim("wgan_lpips: the generator's loss falls (Fig. 8)", *ours["wgan_lpips"].T[[-1, 0]]),
        claim("wgan_lpips: the critic's loss rises (Fig. 9)", *theirs["wgan_lpips"].T[[0, -1]]),
    ], {"words": "small squares with LPIPS alone; the last slightly more vibrant; a sepiaish hue; curves without figures"}, data,
        f"The truth's grid is {old['true_grid'].mean():.3f}; what is far above it is the up-sampling's; a checkerboard of single "
        "pixels would not count. A critic's loss is minus a distance, plus the penalty: it rises where the two come nearer, and "
        "where the penalty grows. Judged is the epoch of the best validation ab-RMSE, which favors careful colors.")

# Now exercise.py, then: python lessons/grade.py 09
