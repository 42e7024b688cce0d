"""The command line itself."""
import re

import pytest

from support.gate import run

pytestmark = pytest.mark.checked

COMMANDS = ["run", "check", "schema", "status", "backend", "reload", "stop", "dev", "cert", "probe", "version"]


def test_help_names_all_commands():
    for words in (["--help"], ["help"], ["-h"]):
        done = run(*words)
        assert done.returncode == 0, words
        assert all(re.search(rf"\b{command}\b", done.stdout) for command in COMMANDS)
        assert done.stderr == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_its_help(command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert "usage" in done.stdout.lower() and command in done.stdout
    assert done.stderr == ""


def test_help_of_run_names_its_options():
    text = run("run", "--help").stdout
    for option in ("--cbdir", "--config", "--backend", "--workers", "--user", "--group", "--log-level"):
        assert option in text


def test_no_command_is_a_usage_error():
    done = run()
    assert done.returncode != 0
    assert "usage" in done.stderr.lower() and done.stdout == ""


@pytest.mark.parametrize("wrong, meant", [("chekc", "check"), ("rn", "run"), ("versio", "version")])
def test_unknown_command_suggests_the_nearest(wrong, meant):
    done = run(wrong)
    assert done.returncode != 0
    assert wrong in done.stderr and meant in done.stderr


@pytest.mark.parametrize("words", [["run", "--wrokers", "2"], ["run", "--workers"], ["run", "--workers", "x"],
                                   ["run", "--workers", "-1"], ["run", "--log-level", "loud"], ["check", "--jsn"],
                                   ["run", "--backend"], ["check", "surplus"], ["version", "surplus"], ["schema", "--strickt"], ["check", "--pritn"]])
def test_wrong_options_are_refused_by_name(words):
    done = run(*words)
    assert done.returncode == 2
    assert words[1] in done.stderr


@pytest.mark.parametrize("words, hint", [(["check", "node.json"], "--config node.json"), (["check", "json"], "--json"),
                                         (["backend", "drain", "a", "b"], "backend list | drain NAME")])
def test_surplus_words_are_told_where_they_belong(words, hint):
    done = run(*words)
    assert done.returncode == 2 and hint in done.stderr


def test_version_is_one_that_programs_can_read():
    done = run("version")
    assert done.returncode == 0
    assert re.match(r"(?i)crossgate \d+\.\d+\.\d+", done.stdout)
    assert run("--version").stdout.split()[:2] == done.stdout.split()[:2]
