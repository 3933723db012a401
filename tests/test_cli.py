"""The command line: help without anything heavy, mistakes in
one sentence, and what the shell is told.
"""

import errno
import importlib
import inspect
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cotpress import cli
from cotpress.errors import CotpressError
from cotpress.plugins import EXTRAS


@pytest.fixture(autouse=True)
def signals_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["cotpress", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code or 0


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch):
    """Runs the command line with a verb that raises this; gives the exit code."""

    def command(error: BaseException) -> int:
        def verb(**_: object) -> None:
            raise error

        monkeypatch.setattr(cli, "command_line", verb)
        return run(monkeypatch=monkeypatch)

    return command


# --- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--help"], ["ls"], ["ls", "--json"], ["import", "--help"], ["--version"]]
)
def test_help_and_ls_load_nothing_heavy(words: list[str]) -> None:
    heavy = {package for packages in EXTRAS.values() for package in packages} | {"pandas"}
    script = f"""
import sys
from cotpress.cli import main
sys.argv = ["cotpress", *{words!r}]
try:
    main()
finally:
    assert not {heavy!r} & set(sys.modules), {heavy!r} & set(sys.modules)
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["compress", "absent.jsonl", "--ratios", "0.5", "--out", "cut.jsonl"],
        ["report", "absent.jsonl", "--out", "report.html"],
    ],
)
def test_an_input_that_is_not_there_is_named_before_anything_heavy_is_loaded(
    words: list[str], tmp_path: Path
) -> None:
    script = f"""
import sys
from cotpress.cli import main
sys.argv = ["cotpress", *{words!r}]
try:
    main()
finally:
    print({{"numpy", "markdown_it", "torch"}} & set(sys.modules))
"""
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (2, "set()\n")
    assert found.stderr.startswith("cotpress: no file absent.jsonl")


VERBS = {verb: f"verbs/{cli.NAMES.get(verb, verb)}" for verb in cli.VERBS if verb != "run"}
METHODS = {f"run {method}": f"walks/{method.replace('-', '_')}" for method in cli.METHODS}


def said(place: str) -> str:
    """The first line of what a command says about itself, as help shows it."""
    return " ".join(cli.docstring(place).partition("\n")[0].split()).replace("`", "")


@pytest.mark.parametrize(("command", "place"), (VERBS | METHODS).items())
def test_the_help_of_a_command_is_its_docstring_with_an_example(
    command: str, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    module = importlib.import_module(f"cotpress.{place.replace('/', '.')}")
    assert cli.docstring(place) == inspect.getdoc(getattr(module, place.rpartition("/")[2]))
    assert run(*command.split(), "--help", monkeypatch=monkeypatch) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Example: cotpress {command}" in shown
    assert said(place) in shown


def test_the_lists_of_verbs_and_methods_say_what_each_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert run("--help", monkeypatch=monkeypatch) == 0
    verbs = " ".join(capsys.readouterr().out.split())
    assert run("run", monkeypatch=monkeypatch) == 0
    methods = " ".join(capsys.readouterr().out.split())
    assert all(f"{verb} {said(place)}" in verbs for verb, place in VERBS.items())
    assert f"run {cli.RUN.partition(chr(10))[0]}" in verbs
    assert all(
        f"{command.removeprefix('run ')} {said(place)}" in methods
        for command, place in METHODS.items()
    )


def test_without_a_verb_help_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert run(monkeypatch=monkeypatch) == 0
    assert "Commands" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("color", "escapes"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_on_a_terminal_no_color_means_no_escape_codes(color: dict[str, str], escapes: bool) -> None:
    master, slave = os.openpty()
    environment = (
        {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        | {"TERM": "xterm-256color"}
        | color
    )
    command = [sys.executable, "-c", "from cotpress.cli import main; main()", "--help"]
    subprocess.run(command, stdout=slave, env=environment, check=True)
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 10_000):
            shown += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(master)
    assert b"Usage" in shown
    assert (b"\x1b" in shown) is escapes


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scor"], "unknown verb 'scor'; did you mean score? Available: "),
        (["zzz", "--help-me"], "unknown verb 'zzz'. Available: "),
        (
            ["score", "x", "--scorer", "s", "--target", "t"],
            "score needs --out. See cotpress score --help.",
        ),
        (["score", "x", "--scorer"], "--scorer needs a value. See cotpress score --help."),
        (
            ["compress", "--ratios", "0.5", "x", "--out", "o"],
            "no file x: run the verb that writes it",
        ),
        (
            ["compress", "x", "--ratios", "0.5", "--out", "o", "--protect", "all"],
            'Invalid value "all" for --protect.',
        ),
        (
            ["score", "x", "--scorer", "s", "--target", "t", "--out", "o", "--protect", "none"],
            "--protect",
        ),
        (
            ["compress", "x", "--ratios", "half", "--out", "o"],
            'Invalid value for --ratios: unable to convert "half" into float. Write several as 0.9 0.7',
        ),
        (["compress", "x", "--ratios", "5", "--out", "o"], "choose 0 < ratio <= 1"),
        (
            ["compress", "none.jsonl", "--ratios", "0.5", "--out", "o"],
            "no file none.jsonl: run the verb that writes it",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    words: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("cotpress: ")
    assert says in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS]
)
def test_an_output_that_cannot_be_written_is_one_sentence(
    number: int, raising, capsys: pytest.CaptureFixture
) -> None:
    assert raising(OSError(number, os.strerror(number), "out.jsonl")) == 2
    assert (
        f"cotpress: cannot write out.jsonl: {os.strerror(number)}. Finished records are kept"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("error", [RuntimeError("ours"), OSError(errno.EIO, "broken disk")])
def test_our_own_mistake_keeps_its_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verb(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "command_line", verb)
    with pytest.raises(type(error)):
        cli.main()


def test_what_an_error_says_is_what_is_printed(raising, capsys: pytest.CaptureFixture) -> None:
    assert raising(CotpressError("[bold]not markup[/] at $.a[3]")) == 2
    assert capsys.readouterr().err == "cotpress: [bold]not markup[/] at $.a[3]\n"


# --- signals and pipes ----------------------------------------------------------------------------

SLOW = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from cotpress import cli
    from cotpress.records import Problem
    from cotpress.verbs.common import make

    def stage(numbers, dropped):
        for number in numbers:
            time.sleep(pause)
            print(number, flush=True)
            yield Problem(id=str(number), question="", answer="", task="")

    def verb(**_):
        make(out, Problem, stage, iter(range(100)), verb="slow", options={}, skip=str, key=lambda problem: problem.id)

    out, pause = Path(sys.argv[1]), float(sys.argv[2])
    cli.command_line = verb
    cli.main()
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_so_keeps_what_is_finished_and_goes_on(
    tmp_path: Path, sent: int, code: int
) -> None:
    out = tmp_path / "out.jsonl"
    command = [sys.executable, "-c", SLOW, str(out)]

    def heed() -> None:  # a shell starts what runs in its background deaf to Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        [*command, "0.05"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed
    ) as process:
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(sent)
        rest, said = process.communicate()
    assert process.returncode == code
    assert said == f"cotpress: {cli.STOPPED}\n".encode()
    assert not out.exists()
    again = subprocess.run([*command, "0"], capture_output=True, check=True)
    finished = 100 - len(again.stdout.split())
    assert 2 <= finished <= 3 + len(rest.split())
    assert [line.split(b'"')[3] for line in out.read_bytes().splitlines()] == [
        b"%d" % number for number in range(100)
    ]
    assert f"resuming {out} with {finished} records done".encode() in again.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = [sys.executable, "-c", "from cotpress.cli import main; main()", "ls"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_worker_that_is_terminated_says_nothing() -> None:
    script = """
import os, signal
from cotpress import cli

def verb(**_):
    ready, tell = os.pipe()
    if (child := os.fork()) == 0:
        os.write(tell, b"x")
        signal.pause()
        os._exit(0)
    os.read(ready, 1)
    os.kill(child, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

cli.command_line = verb
cli.main()
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (found.stdout, found.stderr) == (f"{-signal.SIGTERM}\n", "")
