"""One loss per file. L1 and MSE are torch's own: torch.nn.functional.l1_loss and mse_loss."""
