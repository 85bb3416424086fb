"""`neurorack doctor` on parts that are the kernel's: it names what is there, what is missing and who has it."""

import json
import os
import subprocess
import sys

import gpiod

from neurorack.board import load_board
from neurorack.jacks.lines import header_line
from neurorack.rack.state import Fault, WorldState


def test_doctor_names_what_is_there_and_what_is_not(rack, gpio, loopback, tiny_bundle):
    def unplug(state: WorldState) -> None:
        state.faults = {"adc_cv": Fault("absent")}

    rack.change(unplug)
    taken = header_line(load_board().gpio.gate2.pin)
    command = [sys.executable, "-m", "neurorack", "doctor", "--json", "--run-dir", str(rack.run_dir)]
    environment = {**os.environ, "NEURORACK_MODELS": str(tiny_bundle.parent)}
    with gpiod.request_lines(str(gpio.device), consumer="fan", config={taken: None}):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    said = {topic: [] for topic in ("sound", "chips", "jacks", "lines")}
    for finding in json.loads(done.stdout)["findings"]:
        said.setdefault(finding["topic"], []).append((finding["state"], finding["what"]))
    assert [state for state, what in said["sound"] if what.startswith("Loopback: PCM (hw:0,0) (ALSA)")] == ["ok"]
    assert said["chips"] == [
        ("ok", "adc.voct: ads1115 at 0x48 on bus a"),
        ("note", "adc.cv: ads1115 at 0x49 on bus a does not answer (Remote I/O error)"),
        ("ok", "adc.pots: ads1115 at 0x4a on bus a"),
        ("ok", "oled: ssd1306 at 0x3c on bus b"),
        ("ok", "leds: pca9685 at 0x60 on bus b"),
    ]
    assert [what.split()[0] for _, what in said["jacks"]] == ["voct"]  # the others are told of with the chips
    assert said["lines"] == [("note", "line 106 is used by fan (chip tegra234-gpio, gpio.gate2)")]
