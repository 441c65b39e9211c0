"""What a benchmark ran on: the machine, its limits, and the versions of what took part."""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tools.bench.harness import ROOT, Case

TITLE = "The machine's limits"
UNIT = "GFLOP/s (products), GB/s (memory)"
PACKAGES = (
    *("tensorflow", "keras", "keras-hub", "tensorflow-text", "ai-edge-litert", "tokenizers"),
    *("torch", "transformers", "onnxruntime", "numpy"),
)


def cases(smoke: bool) -> list[Case]:
    """Matrix products by type, and copies in memory."""
    copy = Case("copy", {"megabytes": 16 if smoke else 512}, ("kit_copy",))
    if smoke:
        return [copy]
    products = [
        Case(f"product 2048 x 2048, {dtype}", {"size": 2048, "dtype": dtype}, ("kit", "torch"))
        for dtype in ("float32", "bfloat16")
    ]
    return [*products, copy]


def _product_of_tensorflow(settings):
    import tensorflow as tf

    size = settings["size"]
    a, b = (tf.cast(tf.random.normal((size, size)), settings["dtype"]) for _ in range(2))
    product = tf.function(lambda a, b: tf.matmul(a, b))

    def work():
        for _ in range(5):
            result = product(a, b)
        result.numpy()
        return 5 * 2 * size**3 / 1e9

    return work


def _product_of_torch(settings):
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    size = settings["size"]
    a, b = (torch.randn(size, size).to(getattr(torch, settings["dtype"])) for _ in range(2))

    def work():
        for _ in range(5):
            a @ b
        return 5 * 2 * size**3 / 1e9

    return work


def _copy(settings):
    import numpy as np

    source = np.ones(settings["megabytes"] * 250_000, "float32")
    target = np.zeros_like(source)

    def work():
        np.copyto(target, source)
        return 2 * source.nbytes / 1e9  # read and written

    return work


SIDES = {"kit": _product_of_tensorflow, "torch": _product_of_torch, "kit_copy": _copy}

_VERSIONS = (
    "import importlib.metadata as m, json, platform, sys\n"
    "found = {'Python': platform.python_version()}\n"
    "for name in sys.argv[1:]:\n"
    "    try: found[name] = m.version(name)\n"
    "    except m.PackageNotFoundError: pass\n"
    "print(json.dumps(found))"
)


def facts(pythons: set[str], cores: int) -> dict:
    """The machine, the moment, the commit and the versions in each environment."""
    return {
        "processor": _processor(),
        "cores_used": cores,
        "cores": os.cpu_count(),
        "memory_gigabytes": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1
        ),
        "load_average": os.getloadavg()[0],
        "system": platform.platform(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _output("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "versions": _versions(pythons),
    }


def _versions(pythons: set[str]) -> dict[str, dict[str, str]]:
    """Of the interpreter of the kit, and of that of its peers if it is another one."""
    return {
        "kit" if python == sys.executable else "peers": json.loads(
            _output(python, "-c", _VERSIONS, *PACKAGES) or "{}"
        )
        for python in sorted(pythons, key=lambda python: python != sys.executable)
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    wide = [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
            if name in fields.get("flags", "").split()]  # fmt: skip
    name = fields.get("model name") or platform.processor() or platform.machine()
    return f"{name} ({', '.join(wide)})" if wide else name


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def peaks(report: dict) -> dict[str, float]:
    """GFLOP/s of the fastest product by type, from this benchmark's own report."""
    found = {}
    for case in report["cases"]:
        dtype = case["settings"].get("dtype")
        rates = [side["rate"] for side in case["sides"] if "rate" in side]
        if dtype and rates:
            found[dtype] = max(rates)
    return found
