"""From picture files to batches: photos -> pack -> split -> loader -> augment -> pairs.prepare()."""
