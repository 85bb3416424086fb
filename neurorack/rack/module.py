"""The virtual module: the board's chips, their pins wired to the jacks and pots of a world."""

from pathlib import Path

from neurorack.board import Adc, Board, Jack, Pot, Reference
from neurorack.jacks.tolerance import BLEED_OHM
from neurorack.rack.chips import Chip
from neurorack.rack.chips.ads1x15 import COMMON_OHM, DIFFERENTIAL_OHM, SAMPLED_V, Ads1x15, PinMean
from neurorack.rack.chips.pca9685 import Pca9685
from neurorack.rack.chips.ssd1306 import Ssd1306
from neurorack.rack.specimen import Specimen
from neurorack.rack.world import World
from neurorack.words import CV_JACKS, POTS

OPEN_PIN_V = SAMPLED_V / COMMON_OHM / (1 / COMMON_OHM + 1 / DIFFERENTIAL_OHM + 1 / BLEED_OHM)
"""At the pin of a jack whose conditioning is missing: 11 mV, what sampling leaves across the bleeding resistor."""


def virtual_chips(board: Board, bus: str, world: World, run_dir: Path | None) -> dict[str, Chip]:
    """Chips on bus `bus` of this board, by the name under which they can be broken.

    With a run directory the display and the LEDs keep their state there.
    """
    cv = dict(zip(CV_JACKS, board.jacks.in_order(), strict=True))
    pots = dict(zip(POTS, board.pots.in_order(), strict=True))
    voct = {"voct": cv.pop("voct")}
    specimen = Specimen(board, world.state.specimen)
    chips: dict[str, Chip] = {}
    for name, adc, wired in (
        ("adc_voct", board.adc.voct, voct),
        ("adc_cv", board.adc.cv, cv),
        ("adc_pots", board.adc.pots, pots),
    ):
        if adc.bus == bus:
            reference = board.reference if name == "adc_voct" else None
            chips[name] = _adc(name, adc, wired, world, specimen, reference)
    if board.oled.bus == bus:
        chips["oled"] = Ssd1306(board.oled.address, run_dir)
    if board.leds.bus == bus:
        chips["leds"] = Pca9685(board.leds.address, run_dir)
    return chips


def _adc(
    name: str,
    adc: Adc,
    wired: dict[str, Jack] | dict[str, Pot],
    world: World,
    specimen: Specimen,
    reference: Reference | None = None,
) -> Ads1x15:
    pins: list[PinMean | None] = [None] * 4
    for source, wire in wired.items():
        if isinstance(wire, Jack):
            pins[wire.input] = _jack_pin(source, *specimen.line(source), world)
        else:
            pins[wire.input] = _pot_pin(source, wire, world)
    if reference is not None:
        pins[reference.input] = lambda t0_ns, t1_ns: specimen.reference_v
    transfer = specimen.transfer(name.removeprefix("adc_"))
    seed = world.state.seed
    return Ads1x15(adc.address, pins, part=adc.kind, name=name, seed=seed, noisy=world.noisy, transfer=transfer)


def _jack_pin(jack: str, gain: float, offset_v: float, world: World) -> PinMean:
    def mean(t0_ns: int, t1_ns: int) -> float:
        if jack in world.faults():
            return OPEN_PIN_V
        return offset_v + gain * world.mean_v(jack, t0_ns, t1_ns)

    return mean


def _pot_pin(pot: str, wire: Pot, world: World) -> PinMean:
    def mean(t0_ns: int, t1_ns: int) -> float:
        return wire.pin_v(world.pot(pot))

    return mean
