"""Exercise 08. A network for color looks at grey.                    20 minutes; then: python lessons/grade.py 08"""

from torch import Tensor


def grey_body(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a ResNet18 for color pictures -> those of its body for grey pictures of one channel.

    state: as network.state_dict() gives it, tensors by name. The first convolution is "conv1.weight" (filters, 3, k, k), without
    a bias: each filter adds up what it finds in red, green and blue. The head, which names the picture, is all that begins with
    "fc.".

    The new weights: without the head; "conv1.weight" (filters, 1, k, k) such that a grey picture x of one channel gives what the
    picture with red = green = blue = x gave before; everything else as it was. `state` itself stays as it is, its tensors too.
    ValueError where there is no "conv1.weight", or where it is not for three channels.

    Example: a 1x1 filter that takes 0.5 of red, 0.25 of green and -0.5 of blue takes 0.25 of grey.
    """
    raise NotImplementedError
