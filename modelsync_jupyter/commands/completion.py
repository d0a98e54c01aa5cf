"""`completion`: Tab in a shell. The scripts only ask this program what fits; what fits is `completing`'s to say."""

from __future__ import annotations

import argparse
import re
from contextlib import suppress
from typing import Any

from modelsync_jupyter.core.config import Home

from .answers import Answer
from .completing import choices
from .face import Face

#: Bash breaks words at colons and equals signs, and wants only what follows the last of them. That of macOS, 3.2, knows
#: neither `compopt` nor `nosort`.
_BASH = r"""
_modelsync() {
    local line=${COMP_LINE:0:COMP_POINT} breaks= begun= item
    local word=${line##*[[:space:]]}
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+==
    [[ $breaks && $word == *[$breaks]* ]] && begun=${word%"${word##*[$breaks]}"}
    COMPREPLY=()
    while read -r item _; do
        [[ $item == :files ]] && return
        COMPREPLY+=("${item#"$begun"}")
    done < <("${1/#\~/$HOME}" completion --of "$line" 2>/dev/null)
    compopt +o default 2>/dev/null
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -o nosort -F _modelsync modelsync 2>/dev/null || complete -o default -F _modelsync modelsync
"""
_ZSH = r"""
#compdef modelsync
_modelsync() {
    local item; local -a found described
    found=("${(@f)$(${~words[1]} completion --of "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}")
    [[ $found[1] == :files ]] && { _files; return }
    for item in $found; do
        described+=("${${item%% *}//:/\\:}:${${item#${item%% *}}# }")
    done
    _describe -V modelsync described
}
if [[ $funcstack[1] == _modelsync ]]; then _modelsync "$@"; else compdef _modelsync modelsync; fi
"""
_FISH = r"""
function __modelsync_complete
    set -l found (modelsync completion --of (commandline -cp | string collect) 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        string replace -- ' ' \t $found
    end
end
complete -c modelsync -f -a '(__modelsync_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_EPILOG = """\
bash:  echo 'source <(modelsync completion bash)' >> ~/.bashrc
zsh:   echo 'source <(modelsync completion zsh)' >> ~/.zshrc      (after `compinit`)
fish:  modelsync completion fish > ~/.config/fish/completions/modelsync.fish"""
_LINE = re.compile(r"(?:^|\s|/)modelsync\s+(?P<words>.*)$", re.DOTALL)


def add_commands(add: Any) -> None:
    """Add `completion`."""
    what = "print a script that lets Tab complete commands, options and tags in a shell"
    parser = add("completion", what, completion_command, epilog=_EPILOG)
    parser.add_argument("shell", nargs="?", choices=tuple(_SCRIPTS), help=", ".join(_SCRIPTS))
    parser.add_argument("--of", dest="line", help=argparse.SUPPRESS)
    parser.add_argument("--refresh", metavar="CONTEXT", help=argparse.SUPPRESS)


def completion_command(args: argparse.Namespace, face: Face) -> Answer:
    """`completion SHELL`: the script; and for the script what fits: a word and what it means in each line."""
    if args.line is not None:
        with suppress(Exception):  # somebody is typing, and a traceback between the words helps nobody
            return Answer(None, _complete(args.line))
        return Answer(None, "")
    if args.refresh is not None:
        from modelsync_jupyter.client.names import refresh

        refresh(Home.find(args.home), args.refresh)
        return Answer(None, "")
    if args.shell is None:
        return Answer(None, f"Type one of these:\n\n{_EPILOG}")
    return Answer(None, _SCRIPTS[args.shell].strip())


def _complete(line: str) -> str:
    from .grammar import build_parser

    typed = _LINE.search(line)
    if typed is None:
        return ""
    *before, word = re.split(r"\s+", typed["words"])
    found = choices(build_parser(first=before[0] if before else ""), before, word, ask=_ask)
    shown = [each for each in found if word or len(each[0]) > 2]  # one letter is as easily typed as looked for
    return "\n".join(f"{text} {what}".rstrip() for text, what in shown)


def _ask(home: Home, context: Any) -> None:
    from modelsync_jupyter.client.names import ask_in_process

    ask_in_process(("completion", "--refresh"), home, context)
