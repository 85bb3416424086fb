"""Any folder of recordings → sounds to learn from."""

from neurorack.learn.prepare.folder import Prepared, Skipped, prepare

__all__ = ["Prepared", "Skipped", "prepare"]
