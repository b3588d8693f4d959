"""From raw files to a report and a bundle: one file per step, `run` walks them."""
