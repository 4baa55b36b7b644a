"""One metric per file: RGB in [0, 1] in, one figure per picture out, the convention named in its docstring."""
