"""The files of `examples/deployment` by the programs that read them, and the example applications on their servers: forks, reloads, ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import httpx
import pytest
import trustme
from regression_server import until

from messaging_channels import Dispatcher, Sandbox, SqliteLedger

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FILES = ROOT / "examples/deployment"


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_compose_accepts_the_services() -> None:
    pytest.importorskip("check_jsonschema")
    schema = ("--builtin-schema", "vendor.compose-spec")

    _run(sys.executable, "-W", "ignore", "-m", "check_jsonschema", *schema, FILES / "compose.yaml")


def test_kubernetes_accepts_the_objects() -> None:
    pytest.importorskip("kubernetes_validate")
    program = Path(sys.executable).with_name("kubernetes-validate")

    _run(program, "--strict", FILES / "kubernetes.yaml")


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("install systemd (apt-get install systemd)")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("gunicorn", "messaging-channels"):
        (tmp_path / ".venv/bin" / name).symlink_to("/bin/true")
    for unit in FILES.glob("*.service"):
        own = tmp_path / unit.name
        own.write_text(unit.read_text().replace("/srv/shop", str(tmp_path)))
        own.chmod(0o644)

        assert "Unknown" not in _run(program, "verify", "--man=no", own)


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        pytest.skip("install nginx (apt-get install nginx-light)")
    certificate = trustme.CA().issue_cert("shop.example.com")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    text = (FILES / "nginx.conf").read_text().replace("/etc/shop", str(tmp_path))
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\n" + text)

    _run(program, "-t", "-e", tmp_path / "log", "-p", tmp_path, "-c", tmp_path / "nginx.conf")


@contextmanager
def _serving(folder: Path, example: str, *command: str) -> Iterator[tuple[subprocess.Popen[str], Queue[str]]]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MESSAGING_CHANNELS_HOME": str(folder),
        "MESSAGING_CHANNELS_LEDGER_URL": f"sqlite:{folder / 'ledger.sqlite3'}",
    }
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *command],
        cwd=ROOT / "examples" / example,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout is not None
    said: Queue[str] = Queue()
    lines = iter(server.stdout.readline, "")
    reading = threading.Thread(target=lambda: [said.put(line) for line in lines], daemon=True)
    reading.start()
    try:
        yield server, said
    finally:
        server.terminate()
        server.wait(100)
        reading.join()
        server.stdout.close()


def _wait_for(said: Queue[str], pattern: str) -> str:
    heard: list[str] = []
    while True:
        try:
            heard.append(said.get(timeout=100))
        except Empty:
            pytest.fail("".join(heard))
        if found := re.search(pattern, heard[-1]):
            return found[1]


def _outcomes(folder: Path) -> list[str]:
    with Dispatcher([Sandbox()], ledger=SqliteLedger(folder / "ledger.sqlite3", owned=True)) as dispatcher:
        return [record.outcome for record in dispatcher.list_messages()]


def test_a_flask_application_survives_forks_and_reloads_of_gunicorn(tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    options = ("-c", str(FILES / "gunicorn.conf.py"), "--bind", "127.0.0.1:0", "shop:create_app()")
    with _serving(tmp_path, "flask-shop", "gunicorn", *options) as (server, said):
        url = _wait_for(said, r"Listening at: (http://\S+)")
        _wait_for(said, r"Booting worker with pid: (\d+)")
        answers = [_text_code(url, number) for number in range(6)]
        server.send_signal(signal.SIGHUP)
        _wait_for(said, r"Booting worker with pid: (\d+)")
        _wait_for(said, r"Booting worker with pid: (\d+)")
        answers += [_text_code(url, number) for number in range(6, 12)]

    assert answers == ["accepted"] * 12
    assert _outcomes(tmp_path) == ["accepted"] * 12
    assert server.returncode == 0


def _text_code(url: str, number: int) -> str:
    outcome: str = httpx.post(f"{url}/codes", data={"phone": f"+4477009001{number:02}"}, timeout=100).json()[
        "outcome"
    ]
    return outcome


def test_a_fastapi_application_on_several_processes_of_uvicorn_sends_each_order_once(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    options = ("shop:app", "--workers", "2", "--port", "0", "--proxy-headers")
    with _serving(tmp_path, "fastapi-shop", "uvicorn", *options) as (server, said):
        url = _wait_for(said, r"running on (http://[\d.:]+)")
        _wait_for(said, r"(startup) complete")
        for number in [*range(8), 3, 4]:  # two orders come twice
            order = {"number": number, "phone": f"+4477009001{number:02}"}
            assert httpx.post(f"{url}/orders", json=order, timeout=100).status_code == 201
        until(lambda: _outcomes(tmp_path) == ["accepted"] * 8, 60)

    assert server.returncode in (0, -signal.SIGTERM)
