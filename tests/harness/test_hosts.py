"""Workers on other hosts: they need no assay there, share the work, and may go without costing it."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from support.compared import TORCH

from assay.adapters.binding import load_bindings
from assay.cli.app import main
from assay.errors import Usage
from assay.harness.plan import Question, implementations
from assay.harness.record import read
from assay.harness.running.hosts import checked_host
from assay.harness.running.processes import Unstarted, Worker, WorkerSettings
from assay.harness.running.run import Run, RunSettings
from assay.specs import all_specs
from assay.specs.language.case import parse

# execnet leaves the pipes of a process that ends before it is a gateway to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

HERE = f"popen//python={sys.executable}"
FAULTY = Path(__file__).with_name("faulty_bindings.py")
RELU = [f"relu/default/float32/normal/{size}" for size in ("3x17", "2x64", "2x65", "2x66")]


def run_by(hosts, folder, api="torch.nn.functional.relu"):
    """A run of relu in PyTorch by these hosts, which bring their own bindings."""
    load_bindings(FAULTY)
    bindings = tuple(b for b in implementations(all_specs()["relu"]) if b.api == api)
    questions = [Question(parse(case, all_specs()), bindings) for case in RELU]
    workers = [WorkerSettings("torch", bindings=(str(FAULTY),), time_limit=60.0, start_limit=120.0)]
    return Run(RunSettings(questions, workers, folder, hosts=hosts))


def program(path, text):
    """A host: what starts where its interpreter is called."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"popen//python={path}"


def test_a_host_is_sent_what_it_needs_and_one_that_does_not_start_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    never = program(tmp_path / "never", "exit 1")
    # Away from the checkout, and without what the worker's environment need not hold.
    away = program(tmp_path / "away", f'cd /; unset PYTHONPATH; exec {sys.executable} "$@"')
    run = run_by([never, away], tmp_path / "out", api="faulty.segfault")
    record = run.execute()
    assert [verdict.outcome for verdict in record.verdicts] == ["crashed", *["conforms"] * 3]
    assert "Segmentation fault" in record.verdicts[0].message
    assert [reason.partition(":")[0] for reason in run.lost] == [f"the worker {never} does not start"]
    assert {path.name for path in tmp_path.iterdir()} == {"never", "away", "out"}


def test_where_no_host_starts_the_target_says_why(tmp_path):
    never = program(tmp_path / "never", "exit 1")
    run = run_by([never], tmp_path / "out")
    (target,) = run.execute().targets
    assert not target.available
    assert f"the worker {never} does not start" in target.reason


def test_a_host_with_other_versions_than_the_others_is_refused(tmp_path):
    run = run_by(["ssh=me@one", "ssh=me@two"], tmp_path / "out")
    first, second = run.settings.serving
    assert run._like_others(first, TORCH) is TORCH
    assert run._like_others(second, TORCH) is TORCH
    older = msgspec.structs.replace(TORCH, versions={"torch": "2.11.0"})
    with pytest.raises(
        Unstarted, match=r"the worker ssh=me@two has torch 2\.11\.0, where others have torch 2\.12\.0"
    ):
        run._like_others(second, older)


def test_a_host_that_is_gone_in_the_midst_leaves_its_work_to_others_or_ends_the_run(tmp_path):
    """It starts once; what kills its worker kills it."""
    once = program(tmp_path / "once", f'mkdir "$0.used" 2>/dev/null || exit 1\nexec {sys.executable} "$@"')
    run = run_by([once], tmp_path / "out", api="faulty.exit")
    with pytest.raises(Unstarted, match=rf"no worker is left: the worker {once} is gone; --resume asks"):
        run.execute()
    assert not read(tmp_path / "out" / "run.json").complete


def test_what_is_no_gateway_is_refused(capsys):
    for text in ("gpu1", "ssh=me@gpu1//popen", "ssh=me@gpu1//execmodel=thread", "socket=gpu1:8888"):
        with pytest.raises(Usage, match="write one such as ssh=user@host"):
            checked_host(text)
        assert main(["run", "relu", "--framework", "torch", "--worker", text]) == 2
    assert main(["run", "relu", "--worker", HERE, "--python", sys.executable]) == 2
    assert "--worker names its interpreter itself" in " ".join(capsys.readouterr().err.split())


SSHD = shutil.which("sshd") or next(filter(os.path.exists, ["/usr/sbin/sshd"]), "")


@pytest.fixture
def ssh(tmp_path):
    """Three servers on the loopback: the gateway of each, and its process."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shutil.copy(f"{key}.pub", tmp_path / "authorized")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # without which sshd does not start
    servers = []
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = f"-p {port} -o ListenAddress=127.0.0.1 -o HostKey={key} -o PidFile=none -o StrictModes=no "
        settings += f"-o AuthorizedKeysFile={tmp_path / 'authorized'} -o UsePAM=no"
        server = subprocess.Popen([SSHD, "-D", "-e", *settings.split()], stderr=subprocess.DEVNULL)
        options = f"-p {port} -i {key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -q"
        servers.append((f"ssh={options} {getpass.getuser()}@127.0.0.1//python={sys.executable}", server))
    time.sleep(0.5)
    yield servers
    for _, server in servers:
        server.kill()
        server.wait()


@pytest.mark.skipif(not SSHD or not shutil.which("ssh-keygen"), reason="there is no sshd here")
def test_three_hosts_by_ssh_share_a_run_of_which_one_is_killed(ssh, tmp_path, monkeypatch):
    """The first is killed before its second question; the others wait for that."""
    killed, asks, by = threading.Event(), [], set()
    (first, server), *_ = ssh
    ask = Worker.ask

    def asked(worker, request):
        if worker.settings.host == first:
            asks.append(request)
            if len(asks) == 2:
                kill(server)
                killed.set()
        else:
            assert killed.wait(120)
        answer = ask(worker, request)
        by.add(worker.settings.host)
        return answer

    monkeypatch.setattr(Worker, "ask", asked)
    run = run_by([gateway for gateway, _ in ssh], tmp_path / "out")
    record = run.execute()
    assert record.complete
    assert [verdict.outcome for verdict in record.verdicts] == ["conforms"] * len(RELU)
    assert first in by
    assert run.lost == [f"the worker {first} is gone"]


def kill(server):
    """End a server and whatever it started, as a host that loses its power."""
    children = subprocess.run(["pgrep", "-P", str(server.pid)], capture_output=True, text=True, check=False)
    server.kill()
    for child in children.stdout.split():
        os.kill(int(child), signal.SIGKILL)
