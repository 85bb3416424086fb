"""What the kernel says of a machine under /sys: thermal zones, and an Orin Nano's supply."""

from pathlib import Path


def zone(sysfs: Path, number: int, text: str, kind: str = "cpu-thermal") -> None:
    write(sysfs, f"class/thermal/thermal_zone{number}/temp", text)
    write(sysfs, f"class/thermal/thermal_zone{number}/type", f"{kind}\n")


def write(sysfs: Path, path: str, text: str) -> None:
    (sysfs / path).parent.mkdir(parents=True, exist_ok=True)
    (sysfs / path).write_text(text)


def orin(sysfs: Path, millivolts: int = 5020, dips: int = 0, overloads: int = 0, alarm: int = 0) -> None:
    """An Orin Nano's power monitor and event counters, as they lie in its sysfs; the first hwmon is another chip's."""
    files = {
        "hwmon0/name": "nct1008", "hwmon1/name": "ina3221",
        "hwmon1/in1_label": "VDD_IN", "hwmon1/in2_label": "VDD_CPU_GPU_CV", "hwmon1/in3_label": "VDD_SOC",
        "hwmon1/in1_input": millivolts, "hwmon1/in2_input": 800, "hwmon1/curr1_crit_alarm": alarm,
        "hwmon1/curr2_crit_alarm": 1, "hwmon2/name": "soctherm_oc", "hwmon2/oc1_event_cnt": dips,
        "hwmon2/oc2_event_cnt": overloads, "hwmon2/oc3_event_cnt": 27_390,
    }  # fmt: skip
    for path, text in files.items():
        write(sysfs, f"class/hwmon/{path}", f"{text}\n")
