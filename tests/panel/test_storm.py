"""Hands gone mad: random events of encoder, gates, voltages, pots and faults on the virtual module, in simulated time.

PYTHONPATH=tests/support python tests/panel/test_storm.py 100000 [SEED]    as many events, and how long a step took
pytest tests/panel/test_storm.py --storm 100000                          likewise, as a test
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from simulated import Module, is_free, tiny_bundles

from neurorack.settings.model import PRESETS


def storm(folder: Path, events: int, seed: int = 1) -> Module:
    """Play that many events; the module afterwards. Whatever goes wrong is an exception."""
    module = Module(folder, seed)
    while module.events < events:
        for _ in range(module.random.choice((1, 1, 1, 3))):
            module.event()
        module.run(module.random.choice((0.001, 0.01, 0.02, 0.06)))
        module.visited.add(type(module.panel.menu.page).__name__)
        assert len(module.panel.menu._pages) <= 8
        assert 0 <= module.desk.sound.gesture < 10_000 and len(module.desk.presets) <= PRESETS
    return module


def test_no_storm_of_events_breaks_the_panel_or_leaves_it_stuck(
    tmp_path: Path, make_tiny_bundle: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    with tiny_bundles(tmp_path / "models", make_tiny_bundle):
        module = storm(tmp_path, request.config.getoption("--storm"))
        print(f"{module.clock.now_ns() * 1e-9:.0f} s of the module, {module.restarts} starts, {sorted(module.visited)}")
        assert len(module.visited) >= 12, "it came about"
        assert is_free(module)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:  # settings may be on their way to the disk
        stormed = storm(Path(place), int(sys.argv[1]), seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
        print(
            f"{stormed.events} events in {stormed.clock.now_ns() * 1e-9:.0f} s of the module, {stormed.restarts} starts"
        )
        print(*sorted(stormed.visited))
        print(f"longest step {stormed.slowest_ns * 1e-6:.1f} ms, free afterwards: {is_free(stormed)}")
