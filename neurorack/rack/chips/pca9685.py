"""PCA9685: sixteen PWM outputs of 12 bits (NXP's data sheet, rev 4)."""

from pathlib import Path

import numpy as np

from neurorack.rack.chips import GENERAL_CALL_RESET
from neurorack.shared import Snapshot

OUTPUTS = 16
LEDS = np.dtype([("duty", "f4", OUTPUTS), ("registers", "u1", 256)])
"""Duty 0…1 of every output and the registers behind it, as they lie in the run directory (`rack.leds`)."""

MODE1, MODE2, SUBADDRESSES, ALL_CALL_ADDRESS = 0x00, 0x01, (0x02, 0x03, 0x04), 0x05
LED0, ALL_LED, PRESCALE = 0x06, 0xFA, 0xFE
RESTART, AUTO_INCREMENT, SLEEP, ALL_CALL = 0x80, 0x20, 0x10, 0x01
SUBADDRESS_BITS = (0x08, 0x04, 0x02)
INVERTED = 0x10
FULL = 0x10
OSCILLATOR_HZ = 25e6


class Pca9685:
    """One driver. With a run directory its state lies there and outlives the process that drives it."""

    def __init__(self, address: int = 0x60, run_dir: Path | None = None) -> None:
        self.address = address
        self._pointer = 0
        if run_dir is None:
            self._snapshot = None
            self._state = np.zeros(1, LEDS).view(np.recarray)[0]
            self.reset(0)
        else:
            self._snapshot = Snapshot(run_dir / "rack.leds", LEDS, create=True)
            self._state = self._snapshot.record
            if not self._snapshot.refresh():
                self.reset(0)

    def reset(self, t_ns: int) -> None:
        registers = self._state["registers"]
        registers[:] = 0
        registers[MODE1], registers[MODE2], registers[PRESCALE] = SLEEP | ALL_CALL, 0x04, 0x1E
        registers[list(SUBADDRESSES)] = 0xE2, 0xE4, 0xE8
        registers[ALL_CALL_ADDRESS] = 0xE0
        registers[LED0 + 3 : LED0 + 4 * OUTPUTS : 4] = FULL
        self._pointer = 0
        self._publish()

    def duty(self) -> np.ndarray:
        """[16] of 0…1, as the outputs stand now."""
        return self._state["duty"].copy()

    def pwm_hz(self) -> float:
        """Frequency that the prescaler gives."""
        return OSCILLATOR_HZ / 4096 / (int(self._state["registers"][PRESCALE]) + 1)

    def answers(self, address: int) -> bool:
        if address == self.address:
            return True
        registers = self._state["registers"]
        mode = int(registers[MODE1])
        if mode & ALL_CALL and address == registers[ALL_CALL_ADDRESS] >> 1:
            return True
        return any(
            mode & bit and address == registers[register] >> 1
            for bit, register in zip(SUBADDRESS_BITS, SUBADDRESSES, strict=True)
        )

    def general_call(self, command: int, t_ns: int) -> None:
        if command == GENERAL_CALL_RESET:
            self.reset(t_ns)

    def write(self, data: bytes, t_ns: int) -> None:
        if not data:
            return
        self._pointer = data[0]
        for byte in data[1:]:
            self._store(self._pointer, byte)
            self._step()
        self._publish()

    def read(self, count: int, t_ns: int) -> bytes:
        answer = bytearray()
        for _ in range(count):
            write_only = ALL_LED <= self._pointer < PRESCALE
            answer.append(0 if write_only else int(self._state["registers"][self._pointer]))
            self._step()
        return bytes(answer)

    def _step(self) -> None:
        """Auto-increment runs from the mode registers to the last LED and around, and apart from it at the top."""
        if self._state["registers"][MODE1] & AUTO_INCREMENT:
            at_end = self._pointer in (LED0 + 4 * OUTPUTS - 1, 0xFF)
            self._pointer = 0 if at_end else self._pointer + 1

    def _store(self, register: int, byte: int) -> None:
        registers = self._state["registers"]
        if register == MODE1:
            self._set_mode(byte)
        elif register == PRESCALE:
            if registers[MODE1] & SLEEP:  # elsewhere the chip ignores it
                registers[PRESCALE] = max(3, byte)
        elif ALL_LED <= register < PRESCALE:
            registers[LED0 + register - ALL_LED : LED0 + 4 * OUTPUTS : 4] = byte & (0x1F if register & 1 else 0xFF)
        elif LED0 <= register < LED0 + 4 * OUTPUTS:
            registers[register] = byte & (0x1F if (register - LED0) & 1 else 0xFF)
        elif register < LED0:
            registers[register] = byte

    def _set_mode(self, byte: int) -> None:
        """RESTART is set by the chip when it falls asleep while running, and cleared by writing 1 to it."""
        before = int(self._state["registers"][MODE1])
        restart = before & RESTART
        if byte & SLEEP and not before & SLEEP:
            restart = RESTART
        elif byte & RESTART:
            restart = 0
        self._state["registers"][MODE1] = byte & ~RESTART | restart

    def _publish(self) -> None:
        self._state["duty"] = self._duty()
        if self._snapshot is not None:
            self._snapshot.publish()

    def _duty(self) -> np.ndarray:
        registers = self._state["registers"]
        counts = registers[LED0 : LED0 + 4 * OUTPUTS].reshape(OUTPUTS, 4).astype(int)
        on, off = counts[:, 0] | counts[:, 1] << 8, counts[:, 2] | counts[:, 3] << 8
        duty = (off - on) % 4096 / 4096
        duty = np.where(on & FULL << 8, 1.0, duty)
        duty = np.where(off & FULL << 8, 0.0, duty)  # full off has the last word
        if registers[MODE1] & SLEEP:
            duty = np.zeros(OUTPUTS)
        return 1.0 - duty if registers[MODE2] & INVERTED else duty
