"""python -m minicolor.pack FOLDER_OR_TAR OUT --size 256: decode pictures once, for training without decoding."""

import argparse

from minicolor.data.pack import pack
from minicolor.data.shards import pack_shards
from minicolor.errors import BadInput, Parser, one_line


def main() -> None:
    parser = Parser(prog="python -m minicolor.pack", description=pack.__doc__.split("\n")[0])
    parser.add_argument("source", metavar="FOLDER_OR_TAR", help="a folder of pictures, or a .tar, .tar.gz ...")
    parser.add_argument("out", metavar="OUT", help="the folder to write; an unfinished pack in it is finished")
    parser.add_argument("--size", type=int, default=256, help="pictures become size x size (default: 256)")
    parser.add_argument("--aspect", type=_two, metavar="LOW,HIGH",
                        help="leave out pictures whose width/height is outside, such as 0.5,1.5 (default: take all)")
    parser.add_argument("--shards", type=int, default=1, metavar="N",
                        help="cut it into N packs in OUT, each a file of its own; training reads them as one (default: 1)")
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    with one_line():
        args = parser.parse_args()
        if not 1 <= args.shards <= 10_000:
            raise BadInput(f"--shards {args.shards}: expected 1 to 10000")
        given = {"size": args.size, "workers": args.workers, "aspect": args.aspect}
        if args.shards == 1:
            return pack(args.source, args.out, **given)
        pack_shards(args.source, args.out, args.shards, **given)


def _two(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected two numbers such as 0.5,1.5, not {text!r}") from None
    return low, high


if __name__ == "__main__":
    main()
