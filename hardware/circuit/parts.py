"""The catalogue: every kind of part with its pins, its price's order of magnitude and how SPICE sees it.

Pin numbers are those of the package named in `package`. Prices are for one piece in euros and no more than an order of
magnitude; look before you order. `spice` holds lines of a netlist: `{PIN}` is the net at that pin, `{ref}` the part's
designator, `{value}` its value. The models they call are our own and generic, in `models.lib`.
"""

from dataclasses import dataclass, field
from math import log10

IN, OUT, PASSIVE, POWER_IN, POWER_OUT, NOT_CONNECTED = "INPUT", "OUTPUT", "PASSIVE", "PWRIN", "PWROUT", "NOCONNECT"
"""Electrical types that are named below, as SKiDL spells them."""


@dataclass(frozen=True)
class Kind:
    """One kind of part. `pins`: (number, name, electrical type); `draws_ma`: pin name → most current it takes there."""

    number: str
    maker: str
    package: str
    group: str
    prefix: str
    price_eur: float
    pins: tuple[tuple[str, str, str], ...]
    sheet: str = ""
    spice: tuple[str, ...] = ()
    draws_ma: dict[str, float] = field(default_factory=dict)


def pins(*rows: str) -> tuple[tuple[str, str, str], ...]:
    """From "number name type" rows."""
    return tuple((number, name, kind) for number, name, kind in (row.split() for row in rows))


FOOTPRINTS = {
    "0603": "Resistor_SMD:R_0603_1608Metric",
    "0805": "Capacitor_SMD:C_0805_2012Metric",
    "1206": "Resistor_SMD:R_1206_3216Metric",
    "SOT-23": "Package_TO_SOT_SMD:SOT-23",
    "SOT-23-5": "Package_TO_SOT_SMD:SOT-23-5",
    "SOD-123": "Diode_SMD:D_SOD-123",
    "SMA": "Diode_SMD:D_SMA",
    "TO-252": "Package_TO_SOT_SMD:TO-252-2",
    "SOIC-8": "Package_SO:SOIC-8_3.9x4.9mm_P1.27mm",
    "VSSOP-10": "Package_SO:VSSOP-10_3x3mm_P0.5mm",
    "TSSOP-14": "Package_SO:TSSOP-14_4.4x5mm_P0.65mm",
    "TSSOP-28": "Package_SO:TSSOP-28_4.4x9.7mm_P0.65mm",
    "QFN-32": "Package_DFN_QFN:QFN-32-1EP_5x5mm_P0.5mm_EP3.6x3.6mm",
}
"""Names in KiCad's libraries, where a package has one."""

TWO = pins("1 A PASSIVE", "2 B PASSIVE")
DIODE = pins("1 K PASSIVE", "2 A PASSIVE")
PAIR = pins("1 A PASSIVE", "2 K PASSIVE", "3 MID PASSIVE")
DUAL = pins(
    *("1 OUTA OUTPUT", "2 NEGA INPUT", "3 POSA INPUT", "4 VMINUS PWRIN"),
    *("5 POSB INPUT", "6 NEGB INPUT", "7 OUTB OUTPUT", "8 VPLUS PWRIN"),
)


def _row(count: int) -> tuple[tuple[str, str, str], ...]:
    return tuple((str(n), f"P{n}", PASSIVE) for n in range(1, count + 1))


# --- resistors and capacitors -------------------------------------------------------------------------------------


def _letter(ohms: float) -> str:
    """4700 → 4K7, 33 → 33R, 27400 → 27K4: how a resistor's number is written."""
    for unit, letter in ((1e6, "M"), (1e3, "K"), (1, "R")):
        if ohms >= unit:
            whole, _, part = f"{ohms / unit:.4g}".partition(".")
            return f"{whole}{letter}{part}"
    raise ValueError(f"{ohms} Ω is not in the catalogue")


def _spoken(value: float, unit: str) -> str:
    for scale, letter in ((1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p")):
        if value >= scale * 0.9999:
            return f"{value / scale:.4g} {letter}{unit}"
    raise ValueError(f"{value} {unit} is not in the catalogue")


def resistor(ohms: float, tolerance: float = 0.01) -> tuple[Kind, str]:
    """A 0603: 0.1 % and 25 ppm/K (Panasonic ERA-3A) or 1 % and 100 ppm/K (Yageo RC); with its value as it is said."""
    if tolerance == 0.001:
        digits = int(log10(ohms)) - 1
        number, maker, price = f"ERA-3AEB{round(ohms / 10**digits)}{digits}V", "Panasonic", 0.25
        text = f"{_spoken(ohms, 'Ω')} 0.1 % 25 ppm"
    else:
        number, maker, price = f"RC0603FR-07{_letter(ohms)}L", "Yageo", 0.02
        text = f"{_spoken(ohms, 'Ω')} 1 %"
    return Kind(number, maker, "0603", "resistors", "R", price, TWO, "", ("R{ref} {A} {B} {value}",)), text


PULSE_1K = Kind(
    *("ERJ-P08F1001V", "Panasonic", "1206", "resistors", "R", 0.10, TWO),
    "Panasonic ERJ-P: 0.66 W in a 1206",
    ("R{ref} {A} {B} {value}",),
)

_CAPACITORS = {
    "100p": ("GRM1885C1H101JA01D", "Murata", "0603", 0.03, "C0G 50 V 5 %"),
    "220p": ("GRM1885C1H221JA01D", "Murata", "0603", 0.03, "C0G 50 V 5 %"),
    "10n": ("GRM188R71H103KA01D", "Murata", "0603", 0.02, "X7R 50 V"),
    "100n": ("GRM188R71H104KA93D", "Murata", "0603", 0.02, "X7R 50 V"),
    "100n C0G": ("GRM31C5C1H104JA01L", "Murata", "1206", 0.30, "C0G 50 V 5 %"),
    "470n": ("GRM21BR71H474KA88L", "Murata", "0805", 0.06, "X7R 50 V"),
    "1u": ("GRM21BR71E105KA99L", "Murata", "0805", 0.06, "X7R 25 V"),
    "2.2u film": ("MKS2B042201K00KSSD", "WIMA", "5 mm pitch", 0.90, "PET 50 V"),
    "10u": ("GRM31CR71E106KA12L", "Murata", "1206", 0.20, "X7R 25 V"),
    "100u": ("EEU-FR1V101", "Panasonic", "radial 6.3 mm", 0.25, "electrolytic 35 V"),
    "470u": ("EEU-FR1V471", "Panasonic", "radial 10 mm", 0.50, "electrolytic 35 V"),
}

_ESR_OHMS = {"100u": 0.056, "470u": 0.03}
"""Electrolytics have some (Panasonic FR, 100 kHz); what ripple they let pass hangs on it."""

_SCALE = {"p": 1e-12, "n": 1e-9, "u": 1e-6}


def capacitor(name: str) -> tuple[Kind, str, float]:
    """One of the catalogue, its value as it is said, and in farads."""
    number, maker, package, price, text = _CAPACITORS[name]
    code = name.split()[0]
    farads = float(code[:-1]) * _SCALE[code[-1]]
    spice: tuple[str, ...] = ("C{ref} {A} {B} {value}",)
    if name in _ESR_OHMS:
        spice = ("C{ref} {A} x{ref} {value}", f"Resr{{ref}} x{{ref}} {{B}} {_ESR_OHMS[name]}")
    kind = Kind(number, maker, package, "capacitors", "C", price, TWO, "", spice)
    return kind, f"{_spoken(farads, 'F')} {text}", farads


# --- diodes, transistors, relay -----------------------------------------------------------------------------------

CLAMP = Kind(
    *("BAS70-04,215", "Nexperia", "SOT-23", "semiconductors", "D", 0.10, PAIR),
    "Nexperia BAS70 series, tables 5 and 7: 70 mA, at most 100 nA at 50 V: a BAT54's 2 µA would cost cents behind 1 kΩ",
    ("D{ref}a {A} {MID} bas70", "D{ref}b {MID} {K} bas70"),
)
SOUND_CLAMP = Kind(
    *("BAT54S,215", "Nexperia", "SOT-23", "semiconductors", "D", 0.10, PAIR),
    "Nexperia BAT54 series, table 7: at most 0.24 V at 0.1 mA, 0.32 V at 1 mA",
    ("D{ref}a {A} {MID} bat54", "D{ref}b {MID} {K} bat54"),
)
SCHOTTKY = Kind(
    *("SS14", "onsemi", "SMA", "semiconductors", "D", 0.10, DIODE),
    "onsemi SS14: 1 A, 40 V, 0.5 V at 1 A",
    ("D{ref} {A} {K} ss14",),
)
SIGNAL_DIODE = Kind(
    *("1N4148W", "Diodes Inc", "SOD-123", "semiconductors", "D", 0.03, DIODE), "", ("D{ref} {A} {K} d4148",)
)
ZENER_12V = Kind(
    *("BZX84-C12,215", "Nexperia", "SOT-23", "semiconductors", "D", 0.05),
    pins("1 A PASSIVE", "2 NC NOCONNECT", "3 K PASSIVE"),
    "",
    ("D{ref} {A} {K} zener12",),
)
NMOS = Kind(
    *("BSS138", "onsemi", "SOT-23", "semiconductors", "Q", 0.08),
    pins("1 G INPUT", "2 S PASSIVE", "3 D PASSIVE"),
    "onsemi BSS138: threshold 0.8…1.5 V, 220 mA",
    ("M{ref} {D} {G} {S} {S} bss138", "D{ref} {S} {D} body"),
)
PMOS = Kind(
    *("DMP4015SK3-13", "Diodes Inc", "TO-252", "semiconductors", "Q", 0.80),
    pins("1 G INPUT", "2 D PASSIVE", "3 S PASSIVE"),
    "Diodes DMP4015SK3: 40 V, 15 mΩ at 4.5 V, gate ±25 V",
    ("M{ref} {D} {G} {S} {S} dmp4015", "D{ref} {D} {S} body"),
)
RELAY = Kind(
    *("G6K-2F-Y DC12", "Omron", "SMD 10 × 6.5 mm", "electromechanical", "K", 3.50),
    pins(
        *("1 COIL_P PASSIVE", "2 NC1 PASSIVE", "3 COM1 PASSIVE", "4 NO1 PASSIVE"),
        *("5 NO2 PASSIVE", "6 COM2 PASSIVE", "7 NC2 PASSIVE", "8 COIL_N PASSIVE"),
    ),
    "Omron G6K, Ratings: coil 1,315 Ω at 12 V; operates at 80 % at most, releases at 10 % at least",
    ("X{ref} {COIL_P} {COIL_N} {NC1} {COM1} {NO1} relay",),
)
LEDS = {
    colour: Kind(f"WP710A10{code}", "Kingbright", "3 mm", "panel", "D", 0.15, pins("1 K PASSIVE", "2 A PASSIVE"), volts)
    for colour, code, volts in (
        ("green", "SGD", "Kingbright WP710A10SGD: 2.2 V"),
        ("yellow", "YD", "Kingbright WP710A10YD: 2.1 V"),
        ("red", "ID", "Kingbright WP710A10ID: 2.0 V"),
    )
}

# --- integrated circuits ------------------------------------------------------------------------------------------

CV_AMPLIFIER = Kind(
    *("OPA2333AIDR", "Texas Instruments", "SOIC-8", "integrated circuits", "U", 2.60, DUAL),
    "TI SBOS351 §6.1 and §6.5: 10 µV, 0.05 µV/K, rail to rail; inputs clamped to the rails, at most 10 mA",
    (
        "X{ref}a {POSA} {NEGA} {VPLUS} {VMINUS} {OUTA} opamp gbw=350k sat=30m",
        "X{ref}b {POSB} {NEGB} {VPLUS} {VMINUS} {OUTB} opamp gbw=350k sat=30m",
    ),
    {"VPLUS": 0.05},
)
SINGLE = pins("1 OUT OUTPUT", "2 VMINUS PWRIN", "3 POS INPUT", "4 NEG INPUT", "5 VPLUS PWRIN")
IN_AMPLIFIER = Kind(
    *("TLV9061IDBVR", "Texas Instruments", "SOT-23-5", "integrated circuits", "U", 0.60, SINGLE),
    "TI SBOS839 §6.1 and §6.8: 10 MHz, 10 nV/√Hz, rail to rail; inputs clamped to the rails, at most 10 mA",
    ("X{ref} {POS} {NEG} {VPLUS} {VMINUS} {OUT} opamp gbw=10meg sat=20m",),
    {"VPLUS": 0.8},
)
OUT_AMPLIFIER = Kind(
    *("OPA1677DBVR", "Texas Instruments", "SOT-23-5", "integrated circuits", "U", 1.20, SINGLE),
    "TI SBOS855 §6.1 and §6.5: 16 MHz, swings to 0.8 V of a rail at 2 kΩ, 2.5 mA, output 50 mA, short-circuit proof",
    ("X{ref} {POS} {NEG} {VPLUS} {VMINUS} {OUT} opamp gbw=16meg sat=0.8",),
    {"VPLUS": 2.5, "VMINUS": 2.5},
)
COMPARATOR = Kind(
    *("TLV3202AIDR", "Texas Instruments", "SOIC-8", "integrated circuits", "U", 1.50, DUAL),
    "TI SBOS561 §6.1 and §6.5: push-pull, 40 ns, offset at most 5 mV; inputs 0.5 V beyond the rails or 10 mA",
    (
        "X{ref}a {POSA} {NEGA} {VPLUS} {VMINUS} {OUTA} comparator",
        "X{ref}b {POSB} {NEGB} {VPLUS} {VMINUS} {OUTB} comparator",
    ),
    {"VPLUS": 0.1},
)
SCHMITT = Kind(
    *("74LVC17APW,118", "Nexperia", "TSSOP-14", "integrated circuits", "U", 0.40),
    pins(
        *("1 A1 INPUT", "2 Y1 OUTPUT", "3 A2 INPUT", "4 Y2 OUTPUT", "5 A3 INPUT", "6 Y3 OUTPUT", "7 GND PWRIN"),
        *("8 Y4 OUTPUT", "9 A4 INPUT", "10 Y5 OUTPUT", "11 A5 INPUT", "12 Y6 OUTPUT", "13 A6 INPUT", "14 VCC PWRIN"),
    ),
    "Nexperia 74LVC17A: inputs to 5.5 V whatever the supply, outputs ±24 mA",
    tuple(f"X{{ref}}{n} {{A{n}}} {{Y{n}}} {{VCC}} {{GND}} schmitt" for n in range(1, 7)),
    {"VCC": 1.0},
)
REFERENCE = Kind(
    *("REF5025IDR", "Texas Instruments", "SOIC-8", "integrated circuits", "U", 7.00),
    pins(
        *("1 DNC1 NOCONNECT", "2 VIN PWRIN", "3 TEMP NOCONNECT", "4 GND PWRIN"),
        *("5 TRIM PASSIVE", "6 VOUT PWROUT", "7 NC NOCONNECT", "8 DNC2 NOCONNECT"),
    ),
    "TI SBOS410 §7.5, high grade: 0.05 %, at most 3 ppm/K, 10 mA, 1 mA of its own, 200 mV of headroom",
    ("X{ref} {VIN} {VOUT} {GND} reference",),
    {"VIN": 1.0},
)
ADC = Kind(
    *("ADS1115IDGSR", "Texas Instruments", "VSSOP-10", "integrated circuits", "U", 5.00),
    pins(
        *("1 ADDR INPUT", "2 ALERT NOCONNECT", "3 GND PWRIN", "4 AIN0 INPUT", "5 AIN1 INPUT"),
        *("6 AIN2 INPUT", "7 AIN3 INPUT", "8 VDD PWRIN", "9 SDA BIDIR", "10 SCL INPUT"),
    ),
    "TI SBAS444 §7.1: inputs at most 0.3 V beyond the supply or 10 mA; §7.5: 6 MΩ common-mode at ±4.096 V, 0.2 mA",
    tuple(f"X{{ref}}{n} {{AIN{n}}} {{VDD}} {{GND}} adcpin" for n in range(4)),
    {"VDD": 0.3},
)
CODEC = Kind(
    *("SGTL5000XNBA3R2", "NXP", "QFN-32", "integrated circuits", "U", 6.00),
    pins(
        *("1 GND1 PWRIN", "2 HP_R OUTPUT", "3 GND3 PWRIN", "4 HP_VGND OUTPUT", "5 VDDA PWRIN", "6 HP_L OUTPUT"),
        *("7 AGND PWRIN", "8 NC8 NOCONNECT", "9 NC9 NOCONNECT", "10 VAG PASSIVE", "11 LINEOUT_R OUTPUT"),
        *("12 LINEOUT_L OUTPUT", "13 LINEIN_R INPUT", "14 LINEIN_L INPUT", "15 MIC INPUT", "16 MIC_BIAS PASSIVE"),
        *("17 NC17 NOCONNECT", "18 CPFILT PASSIVE", "19 NC19 NOCONNECT", "20 VDDIO PWRIN", "21 SYS_MCLK INPUT"),
        *("22 NC22 NOCONNECT", "23 I2S_LRCLK BIDIR", "24 I2S_SCLK BIDIR", "25 I2S_DOUT OUTPUT", "26 I2S_DIN INPUT"),
        *("27 CTRL_DATA BIDIR", "28 NC28 NOCONNECT", "29 CTRL_CLK INPUT", "30 VDDD PASSIVE"),
        *("31 CTRL_ADR0_CS INPUT", "32 CTRL_MODE INPUT", "33 PAD PWRIN"),
    ),
    "NXP SGTL5000: pins at most 0.3 V beyond VDDA or VDDIO; line in 1 Vrms into 29 kΩ; line out 1 Vrms into 10 kΩ",
    (
        "X{ref}l {LINEIN_L} {VDDA} {AGND} codecin",
        "X{ref}r {LINEIN_R} {VDDA} {AGND} codecin",
    ),
    {"VDDA": 15.0, "VDDIO": 10.0},
)
OSCILLATOR = Kind(
    *("ASE-12.288MHZ-LC-T", "Abracon", "SMD 3.2 × 2.5 mm", "integrated circuits", "Y", 1.50),
    pins("1 EN INPUT", "2 GND PWRIN", "3 OUT OUTPUT", "4 VDD PWRIN"),
    "Abracon ASE: 12.288 MHz ± 50 ppm, 3.3 V; 256 × 48 kHz",
    (),
    {"VDD": 7.0},
)
LED_DRIVER = Kind(
    *("PCA9685PW,118", "NXP", "TSSOP-28", "integrated circuits", "U", 2.20),
    (
        *((str(n + 1), f"A{n}", IN) for n in range(5)),
        *((str(n + 6), f"LED{n}", OUT) for n in range(8)),
        ("14", "VSS", POWER_IN),
        *((str(n + 7), f"LED{n}", OUT) for n in range(8, 16)),
        *pins("23 OE INPUT", "24 A5 INPUT", "25 EXTCLK INPUT", "26 SCL INPUT", "27 SDA BIDIR", "28 VDD PWRIN"),
    ),
    "NXP PCA9685 §7.1: address 1 A5…A0; outputs source 10 mA; 10 mA of its own",
    (),
    {"VDD": 10.0 + 8 * 3.0},
)
LDO = Kind(
    *("LP5907MFX-3.3/NOPB", "Texas Instruments", "SOT-23-5", "integrated circuits", "U", 0.70),
    pins("1 IN PWRIN", "2 GND PWRIN", "3 EN INPUT", "4 NC NOCONNECT", "5 OUT PWROUT"),
    "TI SNVS798 §6.5: 250 mA, ±2 %, 6.5 µV of noise, 82 dB at 1 kHz",
)
CONVERTER_5V = Kind(
    *("TSR 2-2450", "Traco Power", "SIP-3", "power", "U", 12.0),
    pins("1 VIN PWRIN", "2 GND PWRIN", "3 VOUT PWROUT"),
    "Traco TSR 2: 6.5…36 V to 5 V ± 2 %, 2 A, 94 % at 6.5 V and 89 % at 36 V, at most 600 µF at its output",
    ("X{ref} {VIN} {GND} {VOUT} converter5",),
)

# --- power --------------------------------------------------------------------------------------------------------


def _fuse(number: str, hold_a: float, ohms: float, price: float) -> Kind:
    return Kind(
        *(number, "Bourns", "radial", "power", "F", price, TWO),
        f"Bourns MF-R: holds {hold_a} A at 23 °C",
        (f"Rfuse{{ref}} {{A}} {{B}} {ohms}",),
    )


FUSE_ANALOGUE = _fuse("MF-R010", 0.10, 2.5, 0.30)
FUSE_BUS = _fuse("MF-R185", 1.85, 0.06, 0.40)
FUSE_EXTERNAL = _fuse("MF-R300", 3.0, 0.03, 0.60)
BEAD = Kind(
    *("BLM21PG331SN1D", "Murata", "0805", "power", "L", 0.08, TWO),
    "Murata BLM21PG331: 330 Ω at 100 MHz, 1.5 A",
    ("Rbead{ref} {A} {B} 0.09",),
)
CHOKE = Kind(
    *("SRR1260-100M", "Bourns", "SMD 12.5 mm", "power", "L", 1.00, TWO),
    "Bourns SRR1260: 10 µH, more than 4 A",
    ("Lchoke{ref} {A} x{ref} 10u", "Rchoke{ref} x{ref} {B} 0.02"),
)

# --- connectors and panel -----------------------------------------------------------------------------------------

JACK = Kind(
    *("PJ398SM", "Qingpu (Thonkiconn)", "vertical 3.5 mm", "panel", "J", 0.60),
    pins("1 S PASSIVE", "2 TN PASSIVE", "3 T PASSIVE"),
    "Qingpu WQP518MA: bushing M6, body 9 × 10.5 mm; TN meets T while nothing is plugged in",
)
POT = Kind(
    *("RD901F-40-15R1-B10K", "Alpha", "vertical 9 mm", "panel", "RV", 1.20),
    pins("1 CCW PASSIVE", "2 W PASSIVE", "3 CW PASSIVE"),
    "Alpha RD901F: 10 kΩ linear, bushing M7",
    ("Rleft{ref} {CCW} {W} 5k", "Rright{ref} {W} {CW} 5k"),
)
ENCODER = Kind(
    *("PEC11R-4215F-S0024", "Bourns", "vertical 12 mm", "panel", "SW", 1.90),
    pins("1 A PASSIVE", "2 C PASSIVE", "3 B PASSIVE", "4 D PASSIVE", "5 E PASSIVE"),
    "Bourns PEC11R: 24 detents, push, bushing M7; A and B to C, D to E when pressed",
)
OLED = Kind(
    *("SSD1306 0.96 inch 128 × 64, I2C, 4 pins", "various", "module 27.3 × 27.8 mm", "panel", "DS", 4.00),
    pins("1 GND PWRIN", "2 VCC PWRIN", "3 SCL INPUT", "4 SDA BIDIR"),
    "Solomon SSD1306: 3.3 V, 0x3C while SA0 is low; modules take 20 mA with half of the pixels lit",
    (),
    {"VCC": 30.0},
)
EURORACK = Kind(
    *("BHR-10-VUA", "Adam Tech", "2 × 5 shrouded", "power", "J", 0.40),
    tuple((str(n), f"P{n}", POWER_OUT if n in (1, 3, 9) else PASSIVE) for n in range(1, 11)),
    "Doepfer A-100 technical details: 1, 2 −12 V; 3…8 ground; 9, 10 +12 V. Ten pins, so that a turned plug swaps "
    "the two rails and no more",
)
_HEADER_POWER = {1: POWER_OUT, 2: POWER_OUT}
HEADER = Kind(
    *("BHR-40-VUA", "Adam Tech", "2 × 20 shrouded", "connectors", "J", 1.00),
    tuple((str(n), f"P{n}", _HEADER_POWER.get(n, PASSIVE)) for n in range(1, 41)),
    "NVIDIA Jetson 40-pin header",
)
TERMINAL_2 = Kind(*("1715721", "Phoenix", "MKDS 5.08 mm", "power", "J", 0.80, TWO))
TERMINAL_3 = Kind(*("1715734", "Phoenix", "MKDS 5.08 mm", "power", "J", 1.20, _row(3)))
LINK_3 = Kind(*("61300311121", "Würth", "1 × 3 pins 2.54 mm", "connectors", "J", 0.20, _row(3)))
BARREL = Kind(
    *("PJ-102BH", "CUI", "barrel 5.5 × 2.5 mm", "power", "J", 0.90),
    pins("1 TIP PWROUT", "2 SLEEVE PASSIVE", "3 SWITCH NOCONNECT"),
    "CUI PJ-102BH: 5 A",
)
TEST_POINT = Kind(*("5000", "Keystone", "loop", "connectors", "TP", 0.30, (("1", "P", PASSIVE),)))

BESIDES = (
    ("panel, 2 mm aluminium or circuit board, from panel/neurorack.svg", "any maker of panels", 1, 15.00),
    ("knob for a 6 mm shaft, at most 13 mm wide", "any", 4, 0.60),
    ("knob for the encoder, at most 16 mm wide", "any", 1, 0.80),
    ("ribbon, 10 to 16 pins, Eurorack", "any", 1, 2.00),
    ("ribbon, 2 × 20 pins, 150 mm at most", "any", 1, 3.00),
    ("lead with a 5.5 × 2.5 mm plug (Orin) or 5.5 × 2.1 mm (Nano)", "any", 1, 3.00),
    ("shunt, 2.54 mm (J_CLOCK; J48 of an original Nano)", "any", 2, 0.10),
    ("screw M3 × 6 with nylon washer", "any", 4, 0.10),
)
"""What is not soldered: name, maker, pieces, euros each. The computer comes on top."""
