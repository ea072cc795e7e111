"""A run on a cluster that you have: each task is a part of it, and this machine joins the records.

    python examples/cluster.py 8 whole.jsonl.gz gelu softmax --framework torch
    python examples/cluster.py 8 whole.jsonl.gz gelu softmax --framework torch --dask tcp://head:8786

Whatever follows the number of parts and the record is given to `assay run`. Any executor of
`concurrent.futures` will do: the first command takes processes of this machine, the second a Dask cluster,
whose client is one by `get_executor()`. Each machine needs assay and the frameworks; they need no disk in
common, since a part sends its record back as bytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

ASSAY = (sys.executable, "-m", "assay")


def part(number: int, of: int, words: Sequence[str]) -> bytes:
    """Ask one part of a run on whatever machine this is; returns its record."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*ASSAY, "run", *words, "--shard", f"{number}/{of}", "--compact", "--out", folder]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        record = Path(folder) / "run.jsonl.gz"
        if not record.exists():
            raise RuntimeError(f"part {number} of {of} left no record:\n{ended.stderr}")
        return record.read_bytes()


def run(executor: Executor, of: int, words: Sequence[str], out: Path) -> int:
    """Ask all parts of a run, and join their records; 1 if something is missing or contradicts."""
    records = executor.map(part, range(1, of + 1), [of] * of, [words] * of)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"part-{number}.jsonl.gz" for number in range(1, of + 1)]
        for path, record in zip(paths, records, strict=True):
            path.write_bytes(record)
        return subprocess.run([*ASSAY, "merge", *map(str, paths), "--out", str(out)], check=False).returncode


def main(words: list[str]) -> int:
    """Run on a Dask cluster if one is named, else on two processes of this machine."""
    of, out, *asked = words
    if "--dask" not in asked:
        with ProcessPoolExecutor(2) as executor:
            return run(executor, int(of), asked, Path(out))
    from distributed import Client

    place = asked.index("--dask")
    with Client(asked[place + 1]) as client:
        return run(client.get_executor(), int(of), asked[:place] + asked[place + 2 :], Path(out))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
