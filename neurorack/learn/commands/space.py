"""Give a bundle that is there a space of gestures, new or anew, of the sounds it has learnt from.

python -m neurorack.learn.commands.space models/fluid --sounds out/learn/fluid-train.npz
"""

from pathlib import Path

import msgspec
import torch

from neurorack.bundle import (
    GESTURES_BYTES_MAX,
    ONNX_BYTES_MAX,
    Bundle,
    Card,
    describe_network,
    load,
    read_file,
    write_card,
)
from neurorack.command import Parser, answered
from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus, load_corpus
from neurorack.learn.gestures import Encode
from neurorack.learn.pack import SPACE, set_aside
from neurorack.learn.space import FIGURES, write_space
from neurorack.patch.knobs import Scales
from neurorack.terminal import plain, tell


def add_space(made: Bundle, corpus: Corpus, seed: int = 0) -> Card:
    """Give a bundle that is there a space of the gestures of `corpus`, cut by its own encoder; the rest stays as it is.
    BadInput where that cannot be, and nothing changes."""
    card = made.card
    if card.encoder is None:
        raise BadInput("it has no encoder to hear gestures with", str(made.folder), "export it again with one")
    if corpus.kind != card.kind:
        raise BadInput(f"the sounds are {corpus.kind}, the instrument {card.kind}", str(made.folder), "give its own")
    with set_aside(made.folder) as part:
        for file in (card.gestures, card.decoder, card.encoder):
            held = read_file(made.folder, file.file, max(ONNX_BYTES_MAX, GESTURES_BYTES_MAX), file.sha256, file.bytes)
            (part / file.file).write_bytes(held)
        encode, said = Encode(part / card.encoder.file), list[str]()
        told = write_space(corpus, Scales.from_card(card), encode, made.gestures, part / SPACE, seed, said.append)
        if said:
            raise BadInput(said[0], str(made.folder), "give more sounds")
        card = msgspec.structs.replace(card, space=describe_network(part / SPACE), quality=card.quality | told)
        write_card(part, card)
        return card


def main() -> int:
    return answered(_main)


def _main() -> int:
    parser = Parser(
        prog="python -m neurorack.learn.commands.space",
        description="Give an instrument that is there a space of gestures, made of the sounds it has learnt from.",
        epilog="example: python -m neurorack.learn.commands.space models/fluid --sounds out/learn/fluid-train.npz",
    )
    parser.add_argument("bundle", help="a name or a folder")
    parser.add_argument("--sounds", type=Path, required=True, metavar="FILE", help="prepared sounds, as training keeps")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the space's weights (default 0)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    card = add_space(load(options.bundle), load_corpus(options.sounds), options.seed)
    for name, figure in card.quality.items():
        if name.startswith(FIGURES):
            tell(plain(f"{name} {figure:g}"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
