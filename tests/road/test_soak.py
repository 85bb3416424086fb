"""Played for half an hour and longer it takes no more memory, descriptors or threads than at first, and loses no more
blocks of sound than a callback beside it that does nothing.

    make test-soak MINUTES=60        an hour after its warm-up; 30 minutes if nothing is said
    pytest tests/road/test_soak.py --soak 60 -rP

What was sampled lies in out/soak.csv afterwards, the warm-up too.
"""

import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hands import Hands
from rig import REPOSITORY, wait_for
from whole import PATIENCE_S, PROCESSES, Empty, Whole

from neurorack.errors import BadInput
from neurorack.rack.control import RackControl
from neurorack.rack.plan import INPUT_JACKS
from neurorack.remote.client import Client
from neurorack.takes.take import TAKE_S
from neurorack.words import CV_JACKS, GATE2_TASKS, PATCHABLE, POTS

WARM_UP_MIN = 20.0
"""Or as long as it is looked at, where that is shorter. By then every page, instrument and deed has come about more
than once; what a heap takes for the largest thing so far comes in steps of a quarter of a megabyte, the last seen after
20 minutes."""

SAMPLE_S = 5.0

GROWTH_MB_PER_H = 1.0
TELLING_MIN = 20.0
"""Less says nothing of it."""

MORE = 0.0005
"""Of the blocks the module may lose more than the empty callback does, by chance."""

DISK_MB = 8.0
"""What the state directory may come to: eight presets, the newest takes, the metrics."""

MENU_ROWS = 12
"""Down to the meters: below them calibration and system ask for what a player does once a year."""

PRESETS = range(1, 9)
TAKE = "soaked"


class Player:
    """Hands, a script at the socket, a console that watches, a reader of the metrics. `refused` requests of the
    script's: it renames what is not there, records while it records."""

    def __init__(self, module: Whole, seed: int) -> None:
        self.random, self._run_dir = Random(seed), module.run_dir
        self.hands = Hands(RackControl(module.run_dir), self.random, time.sleep)
        self._script, self._console = Client(module.run_dir), Client(module.run_dir, read_only=True)
        self._console.send("watch", paths=[], every_s=0.1)
        self.bundles = sorted(path.name for path in (REPOSITORY / "models").iterdir())
        self.deeds = self.refused = 0
        self.changed_s: list[float] = []
        """When another instrument was chosen."""
        self._metrics_due_s = 0.0

    def all_once(self) -> None:
        """Whatever it may do later."""
        for number in PRESETS:
            self._choose(self.bundles[number % len(self.bundles)])
            time.sleep(2.0)
            self._ask("preset", deed="save", number=number, name="first")
            self._console.heard()
        for _, deed in self._acts():
            deed()
            self._console.heard()
        self._record(TAKE_S)

    def play(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        weights, deeds = zip(*[(weight, deed) for weight, deed in self._acts()], strict=True)
        while time.monotonic() < end_s:
            self.random.choices(deeds, weights)[0]()
            self.deeds += 1
            self._console.heard()
            if time.monotonic() >= self._metrics_due_s:
                self._metrics_due_s = time.monotonic() + SAMPLE_S
                self._ask("metrics", history=True)
            time.sleep(self.random.choice((0.01, 0.03, 0.06, 0.2)))

    def _acts(self) -> list[tuple[float, Callable[[], object]]]:
        random, control = self.random, self.hands.control
        outputs = sorted(control.world.outputs)
        return [
            (20, lambda: control.key(random.uniform(-3, 7), random.random() < 0.5)),
            (15, lambda: control.turn_pot(random.choice(POTS), random.random())),
            (8, lambda: control.patch(random.choice(INPUT_JACKS), random.choice(outputs))),
            (3, lambda: control.unplug(random.choice(INPUT_JACKS))),
            (6, lambda: control.turn_encoder(random.choice((-3, -1, 1, 2)))),
            (2, self._look_around),
            (1, self._break_a_chip),
            (10, self._note),
            (8, self._set_a_knob),
            (3, self._set_the_rest),
            (
                1,
                lambda: self._ask("preset", deed="save", number=random.choice(PRESETS), name="named"),
            ),
            (2, lambda: self._recall(random.choice(PRESETS))),
            (0.3, lambda: self._choose(random.choice(self.bundles))),
            (0.3, self._record),
            (1, self._visit),
        ]

    def _ask(self, do: str, **fields: object) -> None:
        try:
            self._script.ask(do, **fields)
        except BadInput:
            self.refused += 1

    def _choose(self, bundle: str) -> None:
        self.changed_s.append(time.monotonic())
        self._ask("set", path="bundle", value=bundle)

    def _recall(self, number: int) -> None:
        self.changed_s.append(time.monotonic())
        self._ask("preset", deed="recall", number=number)

    def _look_around(self) -> None:
        """A page of the menu, a few turns there, and home."""
        hands, random = self.hands, self.random
        hands.push(0.03)
        hands.control.turn_encoder(random.randrange(MENU_ROWS) or -1)
        hands.push(0.03)
        for _ in range(3):
            hands.control.turn_encoder(random.choice((-2, -1, 1)))
            time.sleep(0.1)
        for _ in range(3):
            hands.push(0.6)

    def _break_a_chip(self) -> None:
        self.hands.control.fault(self.random.choice(("adc_voct", "adc_cv", "adc_pots", "oled", "leds")), "absent")
        time.sleep(0.3)
        self.hands.repair()

    def _note(self) -> None:
        random = self.random
        gate, strike = random.random() < 0.6, random.random() < 0.2
        self._ask("note", volts=random.uniform(-2, 3), gate=gate, strike=strike, level=random.uniform(-0.5, 0.5))

    def _set_a_knob(self) -> None:
        name = self.random.choice(PATCHABLE[1:])
        self._ask("set", path=f"knob.{name}.base", value=self.random.random())
        path = f"knob.{name}.attenuverter.{self.random.choice(CV_JACKS)}"
        self._ask("set", path=path, value=self.random.uniform(-1, 1))

    def _set_the_rest(self) -> None:
        path, value = self.random.choice(
            [
                ("depth", self.random.uniform(0, 2)),
                ("gate2", self.random.choice(GATE2_TASKS)),
                ("scale", self.random.choice(("off", "major", "minor"))),
                ("find_seed", self.random.randrange(100)),
                ("gesture", self.random.randrange(12)),
            ]
        )
        self._ask("set", path=path, value=value)

    def _record(self, seconds: float = 0.5) -> None:
        """A gesture of one's own, and away with it."""
        self._ask("gesture", deed="record", name=TAKE)
        self.hands.control.key(0.0, True)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            time.sleep(0.1)
            self._console.heard()
        self.hands.control.key(0.0, False)
        for deed in ({"deed": "stop"}, {"deed": "remove", "gesture": TAKE}):
            time.sleep(0.5)
            self._ask("gesture", **deed)

    def _visit(self) -> None:
        """Somebody with a console comes and goes."""
        with Client(self._run_dir, read_only=True) as client:
            client.ask("get", paths=[])
            client.ask("log", of="daemon")

    def leave(self) -> None:
        self.hands.repair()
        self._script.close()
        self._console.close()


class Samples:
    """Memory, descriptors, threads of every process over time, as rows of `COLUMNS`."""

    COLUMNS = ("s", *(f"{name}_{what}" for what in ("kb", "fds", "threads") for name in PROCESSES))

    def __init__(self, module: Whole) -> None:
        self._module, self._began_s = module, time.monotonic()
        self.rows: list[list[float]] = []

    def take(self) -> None:
        module = self._module
        figures = [module.resident_kb(), module.descriptors(), module.threads()]
        told = [float(figure[name]) for figure in figures for name in PROCESSES]
        self.rows.append([time.monotonic() - self._began_s, *told])

    def write(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([self.COLUMNS, *self.rows])

    def after(self, s: float) -> dict[str, np.ndarray]:
        """Columns, from so many seconds on."""
        rows = np.array(self.rows)
        return dict(zip(self.COLUMNS, rows[rows[:, 0] >= s].T, strict=True))


def growth_mb_per_h(s: np.ndarray, kb: np.ndarray) -> float:
    """Median of the slopes between all pairs of samples (Sen, "Estimates of the regression coefficient based on
    Kendall's tau", 1968): a heap that has once needed a megabyte more has made one step, a leak goes on."""
    i, j = np.triu_indices(len(s), 1)
    return float(np.median((kb[j] - kb[i]) / (s[j] - s[i]))) * 3600 / 1024


def megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


@pytest.fixture
def module(run_dir: Path) -> Iterator[Whole]:
    made = Whole(run_dir)
    yield made
    made.end()


def test_played_on_and_on_it_takes_no_more_and_loses_no_more(
    module: Whole, state_dir: Path, request: pytest.FixtureRequest
) -> None:
    minutes = request.config.getoption("--soak")
    if not minutes:
        pytest.skip("takes its time: give --soak 30")
    wait_for(module.answers, PATIENCE_S)
    player = Player(module, seed=1)
    with Empty(module.meters()["block"]) as empty:
        first = module.meters()
        player.all_once()
        samples = Samples(module)
        warm_s = 60 * min(WARM_UP_MIN, minutes)
        end_s = time.monotonic() + warm_s + 60 * minutes
        while time.monotonic() < end_s:
            player.play(SAMPLE_S)
            samples.take()
            samples.write(REPOSITORY / "out/soak.csv")
        last = module.meters()
        nothing_blocks, nothing_lost = empty.counted()
    player.leave()
    blocks, lost = (last[name] - first[name] for name in ("blocks", "lost"))
    steady = samples.after(warm_s)
    print(
        f"{minutes:g} minutes, {player.deeds} deeds, {len(player.changed_s)} presets and instruments recalled, "
        f"{player.refused} requests refused; state of {megabytes(state_dir):.2f} MB\n"
        f"lost {lost} of {blocks} blocks, the empty callback {nothing_lost} of {nothing_blocks}"
    )
    growths = {name: growth_mb_per_h(steady["s"], steady[f"{name}_kb"]) for name in PROCESSES}
    for name in PROCESSES:
        mb, fds, threads = steady[f"{name}_kb"] / 1024, steady[f"{name}_fds"], steady[f"{name}_threads"]
        print(
            f"{name:8} {mb[0]:6.1f} … {mb[-1]:6.1f} MB, {growths[name]:+.2f} MB/h; "
            f"{fds.min():.0f}…{fds.max():.0f} descriptors, {threads.min():.0f}…{threads.max():.0f} threads"
        )
    assert module.holders() == module.pids, "nobody has ended"
    if minutes >= TELLING_MIN:
        assert max(growths.values()) <= GROWTH_MB_PER_H
    for name in PROCESSES:
        before, since = np.array_split(steady[f"{name}_fds"], 2)  # the fewest: some are open for a moment
        assert since.min() <= before.min(), f"{name} keeps descriptors"
    assert megabytes(state_dir) < DISK_MB
    assert lost / blocks <= nothing_lost / nothing_blocks + MORE
