"""Triton kernels, one operation per file. Import them as minicolor.kernels."""

if __name__ == "kernels":  # someone ran Python in our checkout and asked for the package of that name on the Python index
    raise ImportError("this folder is minicolor.kernels, not the package 'kernels' of the Python index")
