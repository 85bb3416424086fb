"""Check the electrical rules; write netlist (for KiCad's layout editor), wiring list and bill of materials.

python -m hardware.circuit [FOLDER]
"""

import sys
from pathlib import Path

from hardware.circuit import lists
from hardware.circuit.module import build

HERE = Path(__file__).parent.parent


def main(arguments: list[str]) -> int:
    """Writes into FOLDER, by default beside the schematic; 1 where a rule is broken, and nothing written then."""
    folder = Path(arguments[0]) if arguments else HERE
    board = build()
    broken = board.check()
    if broken:
        print("\n".join(broken), file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("neurorack.net", board.netlist()),
        ("wiring.txt", lists.wiring(board)),
        ("bom.csv", lists.bill(board)),
    ):
        (folder / name).write_text(text)
    print(f"{len(board.parts())} parts, {len(lists.wiring(board).splitlines())} nets, rules kept. Written to {folder}:")
    print("neurorack.net, wiring.txt, bom.csv")
    for rail, taken_ma in sorted(lists.currents_ma(board).items()):
        print(f"{rail:6} {taken_ma:6.1f} mA at most")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
