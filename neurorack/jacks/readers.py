"""When to talk to which converter: `Follower` for `voct`, `Multiplexer` for the rest.

Both are turned by the scan when `due_ns` has come, take a bus transaction or two per turn and never wait
themselves. A chip that fails to answer, or answers late, is left alone for a while that doubles from 10 ms to 1 s, and
for ten times what it held up the bus if that is more; then it is set up anew. The last value stays in force and the
other chips are read on.
"""

from collections.abc import Callable

from neurorack.clock import Clock
from neurorack.jacks.ads1x15 import MOST_READS, Ads1x15
from neurorack.jacks.bus import HELD_LOW
from neurorack.jacks.reference import Reference

LATE_NS = 20_000_000
"""A turn that takes longer was stretched by its chip: even at 100 kHz one needs no more than 1.5 ms."""

BACK_OFF_NS = (10_000_000, 1_000_000_000)
"""First and longest rest of a chip that failed."""

WAKE_NS = 25_000
"""From power-down to the start of a conversion (SBAS444, 8.4.2)."""

POLL_BITS, START_BITS = 78, 38
"""Bit times of a first poll and of a start."""

ADDRESS_BITS, STOP_BITS = 10, 1
"""Start, address and acknowledge, after which a chip fixes its answer; and the end of a transaction."""

LEARNING_SHOTS = 14
"""Single shots that bracket a specimen's conversion time to about 0.1 %."""

FEW = 24
"""Conversions over which an error of phase says little about the period."""

LEAD_STEP_NS, MOST_LEAD_NS = 2_000.0, 300_000.0
"""How fast the follower learns by how much its reads come late, and the most that it allows for."""

CHECK_NS = 1_000_000_000
"""How often `voct` leaves continuous mode for one single shot, which proves settings, time and phase."""

REFERENCE_CHECKS = 4
"""Every so many checks begin with a shot of the reference, which makes them 1.2 ms longer. A running mean of 16 follows
a case that warms by 2 °C a minute within 2 °C of it."""


class Reader:
    """One chip's turns, errors and rests. A subclass sets `_turn`, the next thing to do."""

    def __init__(self, chip: Ads1x15, clock: Clock) -> None:
        self.chip, self.clock = chip, clock
        self.due_ns = clock.now_ns()
        """When it wants its next turn."""
        self.ok = False
        """Whether its last turn went well; False before its first reading."""
        self.held_low = False
        """Whether its last turn failed as it does on a bus that is held low."""
        self.readings = 0
        self.errors = 0
        self._late = False
        self._rest_ns = BACK_OFF_NS[0]
        self._shot = Shot(chip, clock)
        self._turn: Callable[[int], None] = self._begin

    def turn(self, now_ns: int) -> None:
        """Do what is due."""
        try:
            self._turn(now_ns)
        except OSError as error:
            self.held_low = error.errno in HELD_LOW
            self._failed(now_ns)
        else:
            self.held_low = False
            late = self.clock.now_ns() - now_ns > LATE_NS
            if late and self._late:  # once may be this process, held up without real-time rights
                self._failed(now_ns)
            self._late = late

    def _begin(self, now_ns: int) -> None:
        """The first word to a chip, and to one that failed: a single message, cheap where nobody answers."""
        self.chip.power_down()
        self.due_ns = now_ns + int(1.25 * self.chip.conversion_ns)
        self._turn = self._set_up

    def _set_up(self, now_ns: int) -> None:
        raise NotImplementedError

    def _failed(self, since_ns: int) -> None:
        self.ok = False
        self.errors += 1
        now_ns = self.clock.now_ns()
        self.due_ns = now_ns + max(self._rest_ns, 10 * (now_ns - since_ns))  # a slow chip gets 10 %
        self._rest_ns = min(2 * self._rest_ns, BACK_OFF_NS[1])
        self._shot.forget()
        self._turn = self._begin

    def _succeeded(self) -> None:
        self.ok = True
        self.readings += 1
        self._rest_ns = BACK_OFF_NS[0]


class Shot:
    """One conversion at a time, polled when it should be done.

    A specimen's conversion time is bracketed between the latest poll that came too early and the earliest that
    did not; polls aim at the middle until the bracket is narrow, then at its end.
    """

    def __init__(self, chip: Ads1x15, clock: Clock) -> None:
        self._chip, self._clock = chip, clock
        # A conversion begins after the start's stop bit; a poll's answer is taken after its address.
        self._apart_ns = WAKE_NS - (STOP_BITS + ADDRESS_BITS) * chip.bit_ns
        self._narrow_ns, self._wide_ns = chip.conversion_ns / 512, chip.conversion_ns / 32
        self.forget()

    def forget(self) -> None:
        """Know nothing of the specimen."""
        nominal_ns = self._chip.conversion_ns + self._apart_ns
        self._low_ns, self._high_ns = 0.88 * nominal_ns, 1.12 * nominal_ns
        self._aim_ns = 0.9 * nominal_ns
        self._since_wide = 0

    @property
    def period_ns(self) -> float:
        """The specimen's conversion time as far as it is known."""
        return (self._low_ns + self._high_ns) / 2 - self._apart_ns

    def start(self, number: int) -> int:
        """Begin to convert input `number`; returns when to poll."""
        begin_ns = self._clock.now_ns()  # the end would count in how late this process woke up
        self._chip.start(number)
        self._started_ns = begin_ns + int(START_BITS * self._chip.bit_ns)
        return self._started_ns + int(self._aim_ns)

    def poll(self) -> tuple[int | None, int]:
        """(the code or None where the conversion is not done, when to poll again)."""
        elapsed_ns = self._clock.now_ns() - self._started_ns
        code = self._chip.poll()
        if code is None:
            if elapsed_ns > 3 * self._chip.conversion_ns:
                raise OSError("the conversion does not end")
            self._low_ns = max(self._low_ns, elapsed_ns)
            if self._low_ns >= self._high_ns:
                self._high_ns = self._low_ns + self._wide_ns
        else:
            self._high_ns = min(self._high_ns, elapsed_ns)
            self._since_wide += 1
            if self._since_wide >= 64 or self._low_ns >= self._high_ns:  # oscillators drift: look again
                self._low_ns, self._since_wide = self._high_ns - self._wide_ns, 0
        wide = self._high_ns - self._low_ns > self._narrow_ns
        self._aim_ns = (self._low_ns + self._high_ns) / 2 if wide else self._high_ns
        return code, self._clock.now_ns() + int(self._wide_ns)


class Multiplexer(Reader):
    """Several inputs in turn through one converter.

    `take(index, code)` receives every reading and says whether it came as a surprise. The first conversion after
    a jump mixes old and new, so a surprise is confirmed at once by another conversion of the same input.
    Conversions begin at least `pace_ns` apart.
    """

    def __init__(
        self,
        chip: Ads1x15,
        inputs: tuple[int, ...],
        clock: Clock,
        take: Callable[[int, int], bool],
        pace_ns: int = 0,
    ) -> None:
        super().__init__(chip, clock)
        self._inputs, self._take, self._pace_ns = inputs, take, pace_ns
        self._next_ns = 0
        self._index = 0
        self._confirming = False

    def _set_up(self, now_ns: int) -> None:
        self.due_ns = self._shot.start(self._inputs[self._index])
        self._turn = self._poll
        self._next_ns = max(self._next_ns + self._pace_ns, now_ns)

    def _poll(self, now_ns: int) -> None:
        code, self.due_ns = self._shot.poll()
        if code is None:
            return
        self._succeeded()
        surprised = self._take(self._index, code)
        self._confirming = surprised and not self._confirming
        if not self._confirming:
            self._index = (self._index + 1) % len(self._inputs)
        if now_ns >= self._next_ns:
            self._set_up(now_ns)
        else:
            self.due_ns, self._turn = self._next_ns, self._set_up


class Follower(Reader):
    """One input in continuous mode, every conversion read once and as soon as it is there.

    Continuous mode has no ready bit. So each turn reads twice back to back around the moment when the next
    conversion should appear: where the codes differ, it appeared between them, which steers phase and period as
    a phase-locked loop does (noise of a third of an LSB makes every fifth conversion differ). Where the codes
    show that it appeared elsewhere, the turn widens to up to eight reads until it is found again.

    `take(code)` receives every reading. Once a second a single shot proves the chip's settings and phase. Where there
    is a `reference`, the shots by which a specimen is learnt read that, and one now and then does.
    """

    def __init__(
        self,
        chip: Ads1x15,
        number: int,
        clock: Clock,
        take: Callable[[int], None],
        reference: Reference | None = None,
    ) -> None:
        super().__init__(chip, clock)
        self._number, self._take = number, take
        self._reference, self._checks = reference, 0
        self._bit_ns = chip.bit_ns
        self._read_ns = chip.read_ns
        self._lead_ns = ADDRESS_BITS * self._bit_ns  # from due to the first read: sleep's overshoot and the address
        self._shots = LEARNING_SHOTS
        self._period_ns = 0.0

    def _failed(self, since_ns: int) -> None:
        super()._failed(since_ns)
        self._shots, self._period_ns = LEARNING_SHOTS, 0.0

    def _set_up(self, now_ns: int) -> None:
        aside = self._reference if self._shots > 1 else None  # the last shot before it follows is always the jack's
        self.due_ns = self._shot.start(self._number if aside is None else aside.input)
        self._turn = self._measure

    def _measure(self, now_ns: int) -> None:
        code, self.due_ns = self._shot.poll()
        if code is None:
            return
        if self._shots > 1 and self._reference is not None:
            self._reference.take(code)
        else:
            self._succeeded()
            self._take(code)
        self._shots -= 1
        if self._shots > 0:
            self._set_up(now_ns)
        else:
            self._run(code)

    def _run(self, code: int) -> None:
        measured_ns = self._shot.period_ns
        if abs(self._period_ns - measured_ns) > 0.01 * measured_ns:
            self._period_ns = measured_ns  # else the loop knows it better
        self._bounds_ns = 0.97 * measured_ns, 1.03 * measured_ns
        now_ns = self.clock.now_ns()
        self.chip.run(self._number)
        self._next_ns = now_ns + (START_BITS - STOP_BITS) * self._bit_ns + WAKE_NS + self._period_ns
        self._check_ns = now_ns + CHECK_NS
        self._last, self._seen_ns = code, float(now_ns)
        self._count, self._missed, self._since_fix = 2, 0, 0
        self._turn = self._follow
        self._aim()

    def _aim(self) -> None:
        self.due_ns = int(self._next_ns - self._lead_ns - self._read_ns * (self._count - 1) / 2)

    def _follow(self, now_ns: int) -> None:
        first_ns = self.clock.now_ns() + ADDRESS_BITS * self._bit_ns
        codes = self.chip.readings(self._count)
        late = first_ns - self.due_ns > self._lead_ns  # its median: a turn that had to wait for another is no rule
        self._lead_ns = min(max(self._lead_ns + (LEAD_STEP_NS if late else -LEAD_STEP_NS), 0.0), MOST_LEAD_NS)
        self._steer(codes, first_ns)
        seen_ns = first_ns + self._read_ns * (self._count - 1)
        # A code that differs was there sooner than thought, by less than half a conversion.
        passed_ns = seen_ns + (self._period_ns / 2 if codes[-1] != self._last else 0.0)
        fresh = self._next_ns <= passed_ns
        while self._next_ns <= passed_ns:
            self._next_ns += self._period_ns
            self._since_fix += 1
        self._last, self._seen_ns = codes[-1], seen_ns
        self._aim()
        if fresh:  # else it came too early, and looks again
            self._succeeded()
            self._take(codes[-1])
            if now_ns >= self._check_ns:
                self._check()

    def _check(self) -> None:
        """Leave continuous mode for a while, right behind a reading: so nothing waits for it longer than it takes."""
        self._checks += 1
        self._shots = 2 if self._reference is not None and self._checks % REFERENCE_CHECKS == 0 else 1
        self._begin(self.clock.now_ns())

    def _steer(self, codes: list[int], first_ns: float) -> None:
        """Correct phase and period by where the code changed."""
        for position in range(1, len(codes)):
            if codes[position] != codes[position - 1]:
                self._hit(first_ns + (position - 0.5) * self._read_ns)
                return
        one_apart = first_ns - self._seen_ns < self._period_ns
        if codes[0] != self._last and one_apart and first_ns < self._next_ns:
            self._missed += 1
            if self._missed >= 4 and self._count == MOST_READS:
                self._next_ns += self._period_ns / 2  # it appears in the other half
                self._missed = 0
            elif self._missed >= 2:
                self._count = min(2 * self._count, MOST_READS)

    def _hit(self, appeared_ns: float) -> None:
        """The boundary lies within half a read of `appeared_ns`: nearer than that nothing is known."""
        error_ns = appeared_ns - self._next_ns
        if abs(error_ns) > self._read_ns / 2:
            self._next_ns = appeared_ns
            period_ns = self._period_ns + 0.6 * error_ns / max(self._since_fix, FEW)
            self._period_ns = min(max(period_ns, self._bounds_ns[0]), self._bounds_ns[1])
            self._since_fix = 0
        self._missed = 0
        self._count = max(2, self._count // 2)
