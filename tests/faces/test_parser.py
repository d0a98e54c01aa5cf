"""The grammar: what is understood, what is refused, and that nothing exits."""

from __future__ import annotations

from inspect import signature

import pytest

from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.parser import HelpShown
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.registry.server import serve

COMMANDS = ["push", "pull", "transfers", "attach", "cancel", "resume", "list", "get", "create", "delete"]
COMMANDS += ["login", "logout", "contexts", "serve", "demo"]


def test_push_has_the_documented_defaults() -> None:
    args = build_parser().parse_args(["push", "iris:v1"])
    assert (args.tag, args.force, args.threads, args.context) == ("iris:v1", False, 10, None)
    assert (args.background, args.dry_run, args.output, args.home, args.quiet) == (False, False, "table", None, False)


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_push_and_pull_take_the_same_short_options(verb: str) -> None:
    words = [verb, "iris", "-f", "-t", "3", "-c", "team", "-b", "-n", "-o", "json", "--rate-limit", "2.5MB/s"]
    args = build_parser().parse_args(words)
    assert args.rate_limit == 2_500_000
    assert (args.force, args.threads, args.context, args.background, args.dry_run, args.output) == (
        *(True, 3, "team", True, True),
        "json",
    )


def test_global_options_stand_before_or_behind_the_command() -> None:
    parser = build_parser()
    assert parser.parse_args(["--home", "/a", "-q", "list"]).home == "/a"
    assert parser.parse_args(["list", "--home", "/a", "-q"]).quiet is True
    assert parser.parse_args(["--home", "/a", "list"]).quiet is False


def test_every_command_is_there_and_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser("%modelsync")
    assert list(parser.commands) == COMMANDS
    for name in COMMANDS:
        with pytest.raises(HelpShown):
            parser.parse_args([name, "-h"])
        assert capsys.readouterr().out.startswith(f"usage: %modelsync {name}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pusj iris", "There is no command `pusj`. Did you mean `push`?"),
        ("xyzzy", "There is no command `xyzzy`."),
        ("push", "The following arguments are required: TAG."),
        ("push iris -t 0", "`0` is not a whole number above 0"),
        ("push iris -t many", "`many` is not a whole number above 0"),
        ("push iris -t 65", "`65` is more than 64"),
        ("push iris --forc", "Unrecognized arguments: --forc."),
        ("push iris -o xml", "invalid choice: 'xml'"),
        ("list -o path", "invalid choice: 'path'"),
        ("create iris folder --label prod", "`prod` is not of the form KEY=VALUE"),
        ("login http://x --token a --token-stdin", "not allowed with"),
    ],
)
def test_wrong_words_raise_with_a_hint(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_parser().parse_args(line.split())
    assert said in caught.value.message
    assert caught.value.hint.startswith("See `modelsync")


def test_serve_has_the_registrys_own_defaults() -> None:
    args = vars(build_parser().parse_args(["serve"]))
    for name, parameter in signature(serve).parameters.items():
        if name in args:
            assert str(args[name]) == str(parameter.default)
