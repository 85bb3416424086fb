"""A long command that ends early says why, and blames nobody else."""

import errno
import os
import signal

import pytest

pytest.importorskip("torch")

from neurorack.errors import BadInput
from neurorack.learn.commands.ending import resumable


def raising(error):
    def work() -> int:
        raise error

    return work


def test_a_folder_that_is_full_is_named(tmp_path):
    with pytest.raises(BadInput, match="No space left on device") as found:
        resumable(raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))), tmp_path)
    assert found.value.where == str(tmp_path) and "what has been done is kept" in found.value.mend


def test_a_device_that_fails_is_told_in_a_line_and_other_errors_are_not(tmp_path):
    with pytest.raises(BadInput, match=r"the device failed \(CUDA out of memory\).* or give --device cpu"):
        resumable(raising(RuntimeError("CUDA out of memory\nmore")), tmp_path)
    with pytest.raises(RuntimeError, match="shapes"):
        resumable(raising(RuntimeError("shapes do not match")), tmp_path)


def test_where_nobody_reads_any_more_no_folder_is_blamed(tmp_path):
    with pytest.raises(BrokenPipeError):
        resumable(raising(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))), tmp_path)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_how_to_go_on_is_said(tmp_path, capsys, number, status):
    before = signal.getsignal(signal.SIGTERM)
    assert resumable(lambda: signal.raise_signal(number) or 0, tmp_path) == status
    assert "the same command again" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before
