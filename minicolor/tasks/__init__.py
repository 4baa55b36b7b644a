"""One task per file: what a network is shown, what it should answer, and how its answers are judged."""
