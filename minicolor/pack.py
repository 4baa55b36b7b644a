"""python -m minicolor.pack FOLDER_OR_TAR OUT --size 256: decode pictures once, for training without decoding."""

from minicolor.data.pack import pack
from minicolor.errors import Parser, one_line


def main() -> None:
    parser = Parser(prog="python -m minicolor.pack", description=pack.__doc__.split("\n")[0])
    parser.add_argument("source", metavar="FOLDER_OR_TAR", help="a folder of pictures, or a .tar, .tar.gz ...")
    parser.add_argument("out", metavar="OUT", help="the folder to write; an unfinished pack in it is finished")
    parser.add_argument("--size", type=int, default=256, help="pictures become size x size (default: 256)")
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    with one_line():
        args = parser.parse_args()
        pack(args.source, args.out, size=args.size, workers=args.workers)


if __name__ == "__main__":
    main()
