"""What the five reports say of their own runs, by experiment and figure, to stand beside ours and never among them.

Two columns can be compared only as far as their remark allows: other pictures, other sizes, and sometimes other conventions.
"""

OTHER_SCALE = "report A names Inception v3, not which of its layers; 0.0163 is not on the scale of the usual 2048 features"

# report B's table is in the conventions of metrics/as_reported.py, all but its MSE
_B = {"mse": (0.007172, 0.006462, 0.006256, 0.006086),
      "rmse_as_reported": (0.000019, 0.000019, 0.000017, 0.000017),
      "psnr_as_reported": (95.039504, 94.758902, 96.088031, 96.158390),
      "fsim_as_reported": (0.961650, 0.929927, 0.970350, 0.968667),
      "uqi_as_reported": (0.944186, 0.946654, 0.953323, 0.951419),
      "uqi_sewar_as_reported": (0.944186, 0.946654, 0.953323, 0.951419),      # the report does not say whose UQI it has
      "ssim_as_reported": (0.999996, 0.999998, 0.999997, 0.999997),
      "vif_as_reported": (0.980677, 1.056835, 0.976695, 0.987062)}  # fmt: skip

REPORTED: dict[str, dict[str, float]] = {
    "A4": {"fid": 0.3091},
    "A5": {"fid": 0.2342},
    "A6": {"fid": 0.0163},
    **{f"B{model + 1}": {name: values[model] for name, values in _B.items()} for model in range(4)},
    "D1": {"mae": 0.067, "psnr": 21.20, "ssim": 0.78},
    "D2": {"mae": 0.07, "psnr": 20.98, "ssim": 0.77},
    "D3": {"mae": 0.064, "psnr": 21.56, "ssim": 0.77},
    # E's "errors" are values of four different losses: there is no figure of ours that they could stand beside
    "E1": {}, "E2": {}, "E3": {}, "E4": {},
}  # fmt: skip

REMARKS = {
    **dict.fromkeys(("A4", "A5", "A6"), OTHER_SCALE),
    **dict.fromkeys(("B1", "B2", "B3", "B4"), "report B's figures, all but MSE, are in its own conventions: compare the rows 'as "
                                              "reported'"),
    "E1": "the report gives the losses on its test set, 8.9982 and 0.3435 (generator, discriminator): no figure to compare",
    "E2": "the report gives the losses on its test set, 10.4122 and 0.4239: of another objective than E1's, no figure to compare",
    "E3": "the report gives the losses on its test set, 11.0813 and 0.6886: of another objective than E1's, no figure to compare",
    "E4": "the report gives the losses on its test set, 10.6731 and 0.8153: of another objective than E1's, no figure to compare",
}


def uses_own_conventions(experiment: str) -> bool:
    """Whether the report's figures of this experiment need metrics/as_reported.py to stand beside ours."""
    return any(name.endswith("_as_reported") for name in REPORTED.get(experiment, {}))
