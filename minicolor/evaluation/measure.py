"""All figures of one run's answers: per picture and summed up, beside those of the untouched input and of the report."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from minicolor import parallel
from minicolor.errors import BadInput
from minicolor.evaluation.answers import Answers
from minicolor.evaluation.figures import EXACT, Metric, chosen
from minicolor.evaluation.networks import Networks, Sets
from minicolor.evaluation.reported import REMARKS, REPORTED, uses_own_conventions
from minicolor.evaluation.summary import Summary, summarize
from minicolor.metrics.colorfulness import colorfulness


@dataclass(frozen=True)
class Row:
    """One figure of one run. untouched: the mean of what the network was given; true: of the truth; reported: the report's."""

    name: str
    title: str
    better: str
    summary: Summary
    untouched: float | None = None
    true: float | None = None
    reported: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """One run's figures. values: name -> (n,), in the order of `names`; `sort_by` is the figure that its training judged by."""

    answers: Answers
    rows: list[Row]
    values: dict[str, np.ndarray]
    notes: list[str]

    @property
    def order(self) -> np.ndarray:
        """The pictures' places from the best answer to the worst."""
        task = self.answers.task
        values = self.values[self.sort_by]
        return np.argsort(-values if task.higher else values, kind="stable")

    @property
    def sort_by(self) -> str:
        return self.answers.task.figure


def measure(answers: Answers, networks: Networks, conventions: bool = False) -> Evaluation:
    """Go through the answers once. conventions: report B's figures, too, even for runs of other reports."""
    recipe, task = answers.recipe, answers.task
    color, conventions = hasattr(task, "chroma"), conventions or uses_own_conventions(recipe.experiment)
    columns: dict[str, dict[int, Tensor]] = {}                       # name -> batch -> one figure for each of its pictures
    sets, metrics, own, left_out = Sets(networks), [], [], []
    notes = [note for note in (answers.note, task.protocol, REMARKS.get(recipe.experiment), *networks.notes) if note]

    def keep(name: str, i: int, values: Tensor) -> None:
        columns.setdefault(name, {})[i] = values.detach().double().cpu()

    for i, batch in answers.numbered():
        if batch.untouched is None:
            own = list(batch.figures)
            for name, values in (batch.figures | batch.to_beat).items():
                keep(name, i, values)
            continue
        _, made, truth = (x.float() for x in batch.shown)
        if not metrics:
            metrics, left_out = chosen(color, made.shape[-1], conventions)
            metrics = metrics + networks.metrics
        for metric in metrics:
            keep(metric.name, i, _of(metric, made, truth, answers))
            keep(f"untouched {metric.name}", i, _of(metric, batch.untouched, truth, answers))
        keep("true colorfulness", i, colorfulness(truth))
        if networks.body is not None:
            sets.add(answer=made, truth=truth, untouched=batch.untouched)

    # of several processes each had some of the batches, or none: all get the figures that one would have got
    told = parallel.everyone((columns, [m.name for m in metrics], own, left_out))
    if not metrics and not own:
        _, names, own, left_out = next(part for part in told if part[1] or part[2])
        metrics = [m for m in chosen(color, answers.pack.size, conventions)[0] + networks.metrics if m.name in names]
    notes += left_out
    sets.gather()
    whole: dict[str, dict[int, Tensor]] = {}
    for part, *_ in told:
        for name, batches in part.items():
            whole.setdefault(name, {}).update(batches)
    values = {name: torch.cat([batches[i] for i in sorted(batches)]).numpy() for name, batches in whole.items()}
    reported = REPORTED.get(recipe.experiment, {})
    if own:
        words = next(iter(task.to_beat.values()))
        notes.append(f"the answers are no pictures: the task's own figures alone; 'untouched' is the answer '{words}'")
        rows = [_own_row(name, task, values) for name in own]
    else:
        rows = [_row(m, values, reported, notes) for m in metrics]
        if networks.body is not None:
            rows.append(_distance(sets, reported, notes))
    return Evaluation(answers, rows, {name: values[name] for name in own or [m.name for m in metrics]}, notes)


def _of(metric: Metric, made: Tensor, truth: Tensor, answers: Answers) -> Tensor:
    try:
        return metric.of(made, truth)
    except BadInput as e:
        raise BadInput(f"{answers.run}: {metric.title}: {e}") from e


def _row(metric: Metric, values: dict[str, np.ndarray], reported: dict[str, float], notes: list[str]) -> Row:
    of, untouched = (values[name] for name in (metric.name, f"untouched {metric.name}"))
    fine = np.isfinite(of)
    if metric.name == "psnr" and (exact := int((of >= EXACT).sum())):
        notes.append(f"{exact} of {len(of)} pictures were met exactly, or nearly so, and count as {EXACT:g} dB")
    if not fine.all():
        notes.append(f"{metric.title}: {(~fine).sum()} of {len(of)} pictures left out, for which it is not defined")
    if not fine.any():
        summary = Summary(0, float("nan"), None, None, None)
    else:
        summary = summarize(of[fine])
    true = values["true colorfulness"].mean().item() if metric.name == "colorfulness" else None
    finite = untouched[np.isfinite(untouched)]
    return Row(metric.name, metric.title, metric.better, summary, finite.mean().item() if len(finite) else None, true,
               reported.get(metric.name))


def _own_row(name: str, task, values: dict[str, np.ndarray]) -> Row:
    """A figure of a task whose answers are no pictures, beside the first answer that takes no learning."""
    naive = values[next(iter(task.to_beat))].mean().item() if name == task.figure else None
    better = ("higher" if task.higher else "lower") if name == task.figure else ""
    return Row(name, name.replace("_", " "), better, summarize(values[name]), untouched=naive)


def _distance(sets: Sets, reported: dict[str, float], notes: list[str]) -> Row:
    """FID is one figure of a whole set: it has no spread, and drawing pictures twice would move it."""
    answer, name = sets.distance("answer"), sets.networks.distance
    blind = "it hardly sees color: `train classify --no-grey` makes one that does" if "grey pictures" in answer.title else ""
    notes.append("; ".join(n for n in (f"{answer.title}: {answer.n} answers against as many true pictures, {answer.pictures}",
                                       blind, answer.warning) if n))
    summary = Summary(answer.n, answer.value, None, None, None)
    title, untouched = answer.title.partition(" (")[0], sets.distance("untouched").value
    return Row(name, title, "lower", summary, untouched, None, reported.get(name))


def as_json(evaluation: Evaluation) -> dict:
    """Plain values."""
    answers = evaluation.answers
    return {
        "run": answers.run, "recipe": answers.recipe.name, "experiment": answers.recipe.experiment,
        "data": answers.pack.source, "split": answers.part, "pictures": len(answers), "size": answers.pack.size,
        "figures": {row.name: {"title": row.title, "better": row.better, **dataclasses.asdict(row.summary),
                               "untouched": row.untouched, "true": row.true, "reported": row.reported}
                    for row in evaluation.rows},
        "notes": evaluation.notes,
    }
