"""Boot a Debian kernel in an emulated machine and run the tests beside this file in it: `make test-kernel`.

The machine's root is this computer's, read-only, so its Python, packages and checkout are used as they are; only the
kernel and its modules are others. They are Debian's, downloaded as packages and unpacked below `out/kernel`, not
installed. What Debian's kernel comes without is built there: gpio-sim from Debian's kernel source, and `i2c-relay`
(see `modules`).

QEMU emulates the processor and counts its instructions as time. So a computer that is busy makes the machine slow and
not late: what happens at 1 kHz in there happens at 1 kHz, and no block of sound is lost to a neighbour. KVM would be
faster and give that up, and where it is nested or made for other guests it does not boot a kernel as it comes.
"""

import lzma
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
OUT = REPOSITORY / "out/kernel"

META = "linux-image-amd64"
"""Depends on the newest kernel of this Debian."""

ARM_META = "linux-image-arm64"
"""The same for the Nano: its device tree comes with it."""

TREES = ("tegra210-p3450-0000.dtb",)

MODULES = {
    "virtio_pci": "",
    "9pnet_virtio": "",
    "9p": "",
    "configfs": "",
    "i2c-dev": "",
    "i2c-relay": "buses=7,1",  # before i2c-stub, which takes the first free number; those of boards/orin.toml
    "i2c-stub": "chip_addr=0x48,0x49,0x4a,0x60",
    "gpio-sim": "",
    "snd-dummy": "index=1",
    "snd-aloop": "index=0 timer_source=1.0.0",
}
"""What the tests need, in the order of loading, with options; modules that these need are found."""

INSTRUCTION_SHIFT = 1
"""An instruction takes 2^INSTRUCTION_SHIFT ns of the machine's time."""

LIMIT_S = 300
"""The machine is switched off after so long: three times what it takes on two cores that have nothing else to do."""


class Refused(Exception):
    """Why the machine cannot be had, with the mend."""


def main() -> int:
    try:
        kernel = Kernel(OUT)
        kernel.prepare()
        status = boot(kernel, sys.argv[1:])
    except Refused as refusal:
        print(f"test-kernel: {refusal}", file=sys.stderr)
        return 2
    return status


class Kernel:
    """A Debian kernel below `out`: its image, its modules, and those built for it."""

    def __init__(self, out: Path) -> None:
        self.image_package = _depends(META, "linux-image-")[0]
        self.release = self.image_package.removeprefix("linux-image-")
        self.place = out / self.release
        self.root = self.place / "root"
        self.image = self.root / f"boot/vmlinuz-{self.release}"
        self.busybox = self.root / "bin/busybox"
        self.built = self.place / "built"
        self.initramfs = self.place / "initramfs.cpio"
        self.trees = out / "trees"

    def prepare(self) -> None:
        """Download, build and pack what is not there yet."""
        headers = f"linux-headers-{self.release}"
        packages = [self.image_package, "busybox-static", headers]
        packages += _depends(headers, "linux-headers-", "linux-kbuild-")
        for package in packages:
            self._unpack(package)
        self._build(headers)
        self._pack()
        self._get_trees()

    def _unpack(self, package: str) -> None:
        stamp = self.place / f"{package}.unpacked"
        if not stamp.exists():
            archive = self._download(package)
            _run("dpkg-deb", "-x", str(archive), str(self.root))
            archive.unlink()
            stamp.touch()

    def _download(self, package: str) -> Path:
        print(f"Downloading the Debian package {package}", flush=True)
        self.place.mkdir(parents=True, exist_ok=True)
        for old in self.place.glob(f"{package}_*.deb"):
            old.unlink()
        _run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package, cwd=self.place)
        return next(self.place.glob(f"{package}_*.deb"))

    def _build(self, headers: str) -> None:
        """The modules that Debian's kernel comes without."""
        if not self._find("gpio-sim") and not (self.built / "gpio-sim.c").exists():
            self._unpack_gpio_sim()
        self.built.mkdir(exist_ok=True)
        for source in (HERE / "modules").iterdir():
            shutil.copy2(source, self.built)
        tree = self.root / "usr/src" / headers
        makefile = tree / "Makefile"
        if "include /usr/src" in makefile.read_text():  # as if the headers were installed
            makefile.write_text(makefile.read_text().replace("include /usr/src", f"include {tree.parent}"))
        _run("make", "-s", "-C", str(tree), f"M={self.built}", "modules")

    def _unpack_gpio_sim(self) -> None:
        version = ".".join(self.release.split(".")[:2])
        archive = self._download(f"linux-source-{version}")
        self.built.mkdir(exist_ok=True)
        packed, name = self.place / "source.tar.xz", f"linux-source-{version}"
        with packed.open("wb") as file:
            deb = subprocess.Popen(("dpkg-deb", "--fsys-tarfile", str(archive)), stdout=subprocess.PIPE)
            subprocess.run(("tar", "-xO", f"./usr/src/{name}.tar.xz"), stdin=deb.stdout, stdout=file, check=True)
            deb.wait()
        # The last to be moved says that all are there.
        files = "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c", "drivers/gpio/gpio-sim.c"
        _run("tar", "-xJf", str(packed), "-C", str(self.place), *(f"{name}/{file}" for file in files))
        packed.unlink()
        archive.unlink()
        for file in files:
            shutil.move(self.place / name / file, self.built)
        shutil.rmtree(self.place / name)

    def _get_trees(self) -> None:
        """Device trees out of the kernel's package for arm64. Apt here may know none: it gets lists apart for that."""
        if all((self.trees / tree).exists() for tree in TREES):
            return
        place = self.place / "arm64"
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (place / folder).mkdir(parents=True, exist_ok=True)
        (place / "state/status").touch()
        settings = {"Dir::State": place / "state", "Dir::Cache": place / "cache", "APT::Sandbox::User": "root"}
        settings |= {"APT::Architecture": "arm64", "APT::Architectures": "arm64"}
        (place / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
        os.environ["APT_CONFIG"] = str(place / "apt.conf")
        try:
            _run("apt-get", "update", "-qq")
            package = _depends(ARM_META, "linux-image-")[0]
            archive = self._download(package)
        finally:
            del os.environ["APT_CONFIG"]
        unpacked = place / "root"
        _run("dpkg-deb", "-x", str(archive), str(unpacked))
        archive.unlink()
        self.trees.mkdir(exist_ok=True)
        for tree in TREES:
            found = next(unpacked.rglob(tree), None)
            if found is None:
                raise Refused(f"{package} has no device tree {tree}")
            shutil.move(found, self.trees)
        shutil.rmtree(place)

    def _find(self, module: str) -> Path | None:
        """The file of a module, of Debian's or built here. None where there is none."""
        pattern = re.sub("[-_]", "[-_]", module) + ".ko*"
        for folder in (self.root / "lib/modules", self.root / "usr/lib/modules", self.built):
            for path in folder.rglob(pattern):
                return path
        return None

    def _pack(self) -> None:
        """The initramfs: busybox, `init`, and the modules in the order of loading."""
        content = self.place / "initramfs"
        shutil.rmtree(content, ignore_errors=True)
        for folder in ("bin", "dev", "host", "modules"):
            (content / folder).mkdir(parents=True)
        shutil.copy(self.busybox, content / "bin")
        shutil.copy(HERE / "init", content)
        (content / "init").chmod(0o755)
        builtin = {Path(line).stem.replace("-", "_") for line in self._builtin()}
        order: dict[str, None] = {}

        def add(module: str) -> None:
            if module in order or module.replace("-", "_") in builtin:
                return
            path = self._find(module)
            if path is None:
                raise Refused(f"the kernel {self.release} has no module {module}, and none was built")
            code = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
            for needed in _module_needs(code):
                add(needed)
            (content / "modules" / module).write_bytes(code)
            order[module] = None

        for module in MODULES:
            add(module)
        lines = (f"{module} {MODULES.get(module, '')}\n" for module in order)
        (content / "modules/order").write_text("".join(lines))
        names = "\n".join(str(path.relative_to(content)) for path in sorted(content.rglob("*")))
        with self.initramfs.open("wb") as file:
            archiver = subprocess.Popen(
                (str(self.busybox), "cpio", "-o", "-H", "newc"),
                cwd=content,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.DEVNULL,
            )
            archiver.communicate(names.encode())
        if archiver.returncode:
            raise Refused(f"busybox cpio cannot pack {content}")

    def _builtin(self) -> Iterable[str]:
        for lists in self.root.rglob("modules.builtin"):
            yield from lists.read_text().splitlines()


def boot(kernel: Kernel, arguments: list[str]) -> int:
    """Run pytest in a machine with this kernel; its exit status."""
    job = kernel.place / "job"
    shutil.rmtree(job, ignore_errors=True)
    job.mkdir()
    environment = {
        "HOME": "/run/home",
        "LANG": "C.UTF-8",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{REPOSITORY}:{OUT / 'python'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": "/run/tmp",
        "NEURORACK_KERNEL_TESTS": "1",
        "NEURORACK_TREES": str(kernel.trees),
        "JETSON_MODEL_NAME": "JETSON_ORIN_NANO",  # for Jetson.GPIO, which finds no device tree
    }
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    pytest = shlex.join([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(HERE), *arguments])
    (job / "job").write_text(f"{exports}cd {shlex.quote(str(REPOSITORY))}\nexec {pytest}\n")
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    command += ["-accel", "tcg", "-cpu", "max", "-icount", f"shift={INSTRUCTION_SHIFT}", "-m", "2048"]
    command += ["-kernel", str(kernel.image), "-initrd", str(kernel.initramfs)]
    command += ["-append", "console=ttyS0 loglevel=1 panic=-1", "-serial", "stdio", "-monitor", "none"]
    command += ["-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap"]
    command += ["-virtfs", f"local,path={job},mount_tag=job,security_model=none"]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
    except FileNotFoundError:
        raise Refused("QEMU is missing: apt-get install qemu-system-x86") from None
    except subprocess.CalledProcessError as error:
        raise Refused(f"QEMU ends with status {error.returncode}") from error
    except subprocess.TimeoutExpired:
        raise Refused(f"the virtual machine has not ended after {LIMIT_S} s") from None
    status = job / "status"
    if not status.exists():
        raise Refused("the virtual machine ended before the tests did")
    return int(status.read_text())


def _module_needs(code: bytes) -> list[str]:
    """Modules that must be loaded before this one, from its .modinfo section."""
    found = re.search(rb"\0depends=([^\0]*)\0", code)
    return found[1].decode().split(",") if found and found[1] else []


def _depends(package: str, *prefixes: str) -> list[str]:
    """What a Debian package depends on directly and is called like this."""
    try:
        said = subprocess.run(("apt-cache", "depends", package), capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        said = ""
    found = [line.split()[1] for line in said.splitlines() if line.strip().startswith("Depends: ")]
    found = [name for name in found if name.startswith(prefixes)]
    if not found:
        raise Refused(f"apt knows no {package}: this needs Debian on amd64, and `apt-get update`")
    return found


def _run(*command: str, cwd: Path | None = None) -> None:
    """Run a command; what it prints is shown only where it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
