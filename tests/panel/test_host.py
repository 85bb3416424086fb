from pathlib import Path

from neurorack.panel import host


def zone(folder: Path, number: int, text: str) -> None:
    (folder / f"thermal_zone{number}").mkdir()
    (folder / f"thermal_zone{number}" / "temp").write_text(text)


def test_the_warmest_zone_counts_and_one_that_cannot_be_read_does_not(tmp_path: Path) -> None:
    zone(tmp_path, 0, "51437\n")
    zone(tmp_path, 1, "63000\n")
    zone(tmp_path, 2, "")
    (tmp_path / "thermal_zone3" / "temp").mkdir(parents=True)
    assert host.warmest_c(tmp_path) == 63.0


def test_a_machine_that_measures_nothing_says_so(tmp_path: Path) -> None:
    assert host.warmest_c(tmp_path / "none") is None


def test_addresses_are_ipv4_of_interfaces_and_never_the_loopback() -> None:
    for name, address in host.addresses():
        assert name and not address.startswith("127.")
        assert [0 <= int(part) <= 255 for part in address.split(".")] == [True] * 4
