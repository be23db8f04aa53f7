"""A program that `tests.warm` starts finds what it would find in an interpreter of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from tests.serving import environment
from tests.thorough import IS_THOROUGH

PROGRAM = """
import json, os, signal, sys
print(json.dumps({
    "arguments": sys.argv,
    "environment": dict(os.environ),
    "files": sorted(os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in (0, 1, 2)),
    "folder": os.getcwd(),
    "handlers": [str(signal.getsignal(n)) for n in signal.valid_signals()],
    "main": (__name__, "__file__" in globals()),
    "open": sum(os.path.exists(f"/proc/self/fd/{n}") for n in range(3, 256)),
    "ours": [name for name in sys.modules if name.split(".")[0] in OURS],
    "said": sys.stdin.read(),
    "streams": [(each.isatty(), each.write_through, each.encoding, each.errors)
                for each in (sys.stdout, sys.stderr)],
    "umask": os.umask(0),
}, sort_keys=True))
print("trouble", file=sys.stderr)
sys.exit(int(sys.argv[-1]))
""".replace("OURS", '("usage", "qsmetrics", "dashboards")')

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems start them anew"),
]


@pytest.fixture(params=["a file", "-c"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    (tmp_path / "program.py").write_text(PROGRAM)
    start = {
        "a file": [str(tmp_path / "program.py")],
        "-c": ["-c", PROGRAM],
    }
    return [sys.executable, *start[request.param], "one", "3"]


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path, ONLY_HERE="yes")


def test_it_finds_the_same_as_in_an_interpreter_of_its_own(command, given, tmp_path):
    anew = subprocess.run(
        command,
        env=given,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found = warm.run(command, given, tmp_path, 60)
    assert json.loads(found.stdout) == json.loads(anew.stdout)
    assert (found.stderr, found.returncode) == (anew.stderr, anew.returncode) == ("trouble\n", 3)


def test_it_leads_its_group_and_how_it_ended_is_known(given, tmp_path):
    program = [sys.executable, "-c", "import os, time; print(os.getpgrp()); time.sleep(600)"]
    process = warm.popen(program, given, tmp_path)
    with process.stdout as said:
        assert said.readline() == f"{process.pid}\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(30) == process.poll() == -signal.SIGKILL
        assert said.read() == ""


def test_what_takes_too_long_is_ended(given, tmp_path):
    program = [sys.executable, "-c", "import os, time; print(os.getpid()); time.sleep(600)"]
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run(program, given, tmp_path, 0.5)


def test_an_interpreter_with_settings_of_its_own_is_started_anew(given):
    program = [sys.executable, "manage.py", "check"]
    assert warm.can_start(program, given) != IS_THOROUGH
    assert not warm.can_start(program, {**given, "PYTHONHASHSEED": "1"})
    assert not warm.can_start(["bash", "-c", "exit"], given)
    assert not warm.can_start([sys.executable, "-X", "dev", "manage.py"], given)
