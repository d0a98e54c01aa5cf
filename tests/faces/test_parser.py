"""The grammar: what is understood, what is refused, and that nothing exits."""

from __future__ import annotations

from inspect import signature

import pytest

from modelsync_jupyter.commands.grammar import COMMANDS, build_parser
from modelsync_jupyter.commands.parser import HelpShown
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.registry.server import serve


def test_push_has_the_documented_defaults() -> None:
    args = build_parser().read(["push", "iris:v1"])
    assert (args.tag, args.force, args.threads, args.context) == ("iris:v1", False, None, None)
    assert (args.background, args.dry_run, args.output, args.home, args.quiet) == (None, False, "table", None, False)


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_push_and_pull_take_the_same_short_options(verb: str) -> None:
    words = [verb, "iris", "-f", "-t", "3", "-c", "team", "-b", "-n", "-o", "json", "--rate-limit", "2.5MB/s"]
    args = build_parser().read(words)
    assert args.rate_limit == 2_500_000
    assert (args.force, args.threads, args.context, args.background, args.dry_run, args.output) == (
        *(True, 3, "team", True, True),
        "json",
    )


def test_global_options_stand_before_or_behind_the_command() -> None:
    parser = build_parser()
    assert parser.read(["--home", "/a", "-q", "list"]).home == "/a"
    assert parser.read(["list", "--home", "/a", "-q"]).quiet is True
    assert parser.read(["--home", "/a", "list"]).quiet is False


def test_every_command_is_there_and_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    parser, names = build_parser("%modelsync"), [name for names in COMMANDS.values() for name in names]
    assert list(parser.commands) == names
    assert len(names) == len(set(names)) == 36
    for name in names:
        with pytest.raises(HelpShown):
            parser.read([name, "-h"])
        assert capsys.readouterr().out.startswith(f"usage: %modelsync {name}")


def test_a_line_that_begins_with_a_command_needs_the_grammar_of_its_module_alone() -> None:
    for names in COMMANDS.values():
        for name in names:
            parser = build_parser("modelsync", name)
            assert tuple(parser.commands) == names
            assert parser.commands[name].format_help() == build_parser().commands[name].format_help()
    for first in ("", "pusj", "-q"):
        assert list(build_parser("modelsync", first).commands) == list(build_parser().commands)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("create iris --label a=b file", "create iris file --label a=b"),
        ("label iris:v1 --local a=b -c team c=d", "label iris:v1 a=b c=d --local -c team"),
        ("--home x delete iris:v1 -y iris:v2", "--home x delete iris:v1 iris:v2 -y"),
        ("export iris --format tar folder -q", "export iris folder --format tar -q"),
        ("registry describe iris --label a=b text", "registry describe iris text --label a=b"),
    ],
)
def test_options_may_stand_between_arguments(line: str, same: str) -> None:
    assert build_parser().read(line.split()) == build_parser().read(same.split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("create iris --label a=b file more", "Unrecognized arguments: more."),
        ("pusj iris", "There is no command `pusj`. Did you mean `push`?"),
        ("xyzzy", "There is no command `xyzzy`."),
        ("push", "The following arguments are required: TAG."),
        ("push iris -t 0", "threads must be between 1 and 64"),
        ("push iris -t many", "threads must be between 1 and 64"),
        ("push iris -t 65", "threads must be between 1 and 64"),
        ("push iris --forc", "Unrecognized arguments: --forc. Did you mean `--force`?"),
        ("push iris --xyzzy", "Unrecognized arguments: --xyzzy."),
        ("list -n 0", "`0` is not a whole number above 0"),
        ("push iris -o xml", "invalid choice: 'xml'"),
        ("list -o path", "invalid choice: 'path'"),
        ("create iris folder --label prod", "`prod` is not of the form KEY=VALUE"),
        ("login http://x --token a --token-stdin", "not allowed with"),
    ],
)
def test_wrong_words_raise_with_a_hint(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_parser().read(line.split())
    assert said in caught.value.message
    assert caught.value.hint.startswith("See `modelsync")


def test_the_parser_is_built_once() -> None:
    assert build_parser("%modelsync") is build_parser("%modelsync")
    assert build_parser() is not build_parser("%modelsync")


def test_serve_has_the_registrys_own_defaults() -> None:
    args = vars(build_parser().read(["serve"]))
    for name, parameter in signature(serve).parameters.items():
        if name in args:
            assert str(args[name]) == str(parameter.default)
