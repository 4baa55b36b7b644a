"""The rooms of the house, and which others each may import: for tests/test_house.py."""

# Who may import what of minicolor. minicolor.errors is everybody's; "." is minicolor/__init__.py, the version.
# A file that is not in a room stands here under its own name, or it is a door.
MAY_IMPORT = {
    "ops": {"ops"},
    "kernels": {"ops", "kernels"},
    "models": {"ops", "kernels", "models", "parallel"},
    "losses": {"ops", "kernels", "losses", "models", "parallel"},     # models: the feature networks
    "metrics": {"ops", "kernels", "metrics", "models"},   # models: the feature networks
    "data": {"ops", "kernels", "data", "parallel"},
    "data.download": {".", "data", "weights"},                 # it fetches both; nothing of data imports it
    "steps": {"losses", "steps"},
    "tasks": {"ops", "kernels", "data", "metrics", "tasks"},
    "recipes": {"models", "losses", "data", "steps", "tasks", "perceptual", "weights", "recipe", "recipes"},
    "start": {"recipe", "checkpoint", "weights"},
    "fit": {"recipe", "checkpoint", "report", "data", "held_out", "precision", "progress", "start",
            "parallel", "distribute", "fast", "out_of_memory", "resume"},                         # names no model
    "search": {"recipe", "report", "data", "fit"},
    "every": {"recipe", "checkpoint", "report", "progress", "fit"},
    "resume": {"checkpoint", "parallel", "recipe"},
    "fast": {"parallel", "kernels", "models.conv4x4"},
    "distribute": {"parallel", "models.sync_norm", "models.dropout"},
    "held_out": {"data", "models.modes", "parallel"},
    "trained": {"checkpoint", "precision", "recipe"},
    "evaluation": {"evaluation", "metrics", "ops", "tasks", "data", "held_out", "trained", "perceptual", "weights",
                   "coloring", "report", "checkpoint", "parallel"},
    "judging": {"judging", "coloring", "data", "local_page"},
    "denoiser": {"trained", "held_out", "tasks"},
    "restoring": {"restoring", "coloring", "denoiser", "data", "held_out", "ops", "tasks", "trained"},
    "archive": {".", "archive", "data"},
    "darkroom": {"darkroom", "restoring", "data", "local_page"},
    "coloring": {"trained", "held_out", "ops", "data"},
    "perceptual": {"trained", "weights", "losses", "models"},
    "compare": {"data", "evaluation", "recipe", "report", "search"},
    "lesson": {"checkpoint", "compare", "precision", "recipe", "report"},
    "plots": set(),
    "report": {"progress"},
    "checkpoint": {"."},
    "weights": {"data.sets"},                             # the one folder that downloads live in
    "recipe": {"recipes", "data", "weights"},
    **{room: set() for room in ("errors", "parallel", "out_of_memory", "precision", "progress", "local_page", ".")},
}
ANYTHING = set(MAY_IMPORT) | {"benches"}
MAY_IMPORT["benches"] = ANYTHING
