"""Tasks: one folder each with its recipe, data, model set-up, loss and report."""
