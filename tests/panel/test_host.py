from pathlib import Path

from sysfs import orin, zone

from neurorack.panel import host
from neurorack.panel.host import Supply


def test_the_warmest_zone_counts_and_one_that_cannot_be_read_does_not(tmp_path: Path) -> None:
    zone(tmp_path, 0, "51437\n")
    zone(tmp_path, 1, "63000\n")
    zone(tmp_path, 2, "")
    (tmp_path / "class/thermal/thermal_zone3/temp").mkdir(parents=True)
    assert host.warmest_c(tmp_path) == 63.0


def test_a_nanos_zone_that_has_no_sensor_is_no_temperature(tmp_path: Path) -> None:
    zone(tmp_path, 1, "24500\n", "CPU-therm")
    zone(tmp_path, 4, "100000\n", "PMIC-Die")
    assert host.warmest_c(tmp_path) == 24.5


def test_a_machine_that_measures_nothing_says_so(tmp_path: Path) -> None:
    assert host.warmest_c(tmp_path / "none") is None
    assert host.supply(tmp_path / "none") == Supply()


def test_an_orin_says_its_volts_dips_and_overloads_and_the_other_rails_and_short_peaks_are_left_out(
    tmp_path: Path,
) -> None:
    orin(tmp_path)
    assert host.supply(tmp_path) == Supply(5.02, 0, 0, overloaded=False)
    orin(tmp_path, 4620, 3, 2, 1)
    assert host.supply(tmp_path) == Supply(4.62, 3, 2, overloaded=True)


def test_a_chip_that_is_asleep_says_nothing_and_fails_nobody(tmp_path: Path) -> None:
    orin(tmp_path)
    for name in ("hwmon1/in1_input", "hwmon2/oc1_event_cnt"):
        (tmp_path / "class/hwmon" / name).write_bytes(b"\xff")
    (tmp_path / "class/hwmon/hwmon2/oc2_event_cnt").unlink()
    assert host.supply(tmp_path) == Supply()


def test_addresses_are_ipv4_of_interfaces_and_never_the_loopback() -> None:
    for name, address in host.addresses():
        assert name and not address.startswith("127.")
        assert [0 <= int(part) <= 255 for part in address.split(".")] == [True] * 4
