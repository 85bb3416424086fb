"""A sequencer's CV comes up to 2 ms after its gate: the note must begin with the new pitch all the same."""

from pathlib import Path

import numpy as np
import pytest

from neurorack.bundle import load
from neurorack.patch.matrix import bare_patch
from neurorack.rack.world import World
from neurorack.render import LEAD_NS, Module
from neurorack.words import C4_HZ, SAMPLE_RATE_HZ


@pytest.mark.parametrize("lag_s", [0.0, 0.001, 0.002])
@pytest.mark.parametrize("block", [64, 128])
def test_a_cv_that_lags_its_gate_is_read_right(lag_s: float, block: int, tiny_bundle: Path, tmp_path: Path):
    volts = tmp_path / "lag.csv"
    gate_s = 0.3007
    late = f"{gate_s + lag_s}"
    volts.write_text(f"t,voct,gate1\n0,-1,0\n{gate_s},,5\n{late},-1,\n{late},1,\n1,1,5\n")
    world = World.from_volts_file(volts, epoch_ns=LEAD_NS)
    world.state.noise = False
    module = Module(load(tiny_bundle), world, bare_patch(), block=block, gesture=1, noisy=False)
    asked = []
    original = module.player.gate

    def gate(offset: int, jack: str, level: int) -> None:
        asked.append(module._targets[0])
        original(offset, jack, level)

    module.player.gate = gate  # type: ignore[method-assign]
    while module.position < 0.4 * SAMPLE_RATE_HZ:
        module.next_block()
    heard_hz = asked[-1]
    assert 1200 * abs(np.log2(heard_hz / (2 * C4_HZ))) < 3, "three cents from the new note when the gate acts"
