"""The human score: which pictures come, what people answered, and what that says. The door is judge.py."""
