"""The house keeps its own rules: imports, sizes, settings, and nothing of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "meshportal" / "settings.py"
LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def sources() -> list[Path]:
    return sorted(path for path in (ROOT / "meshportal").rglob("*.py") if "migrations" not in path.parts)


def published() -> Iterator[tuple[str, str]]:
    """Name and text of every file that is or would be in the repository, but for what others wrote and binary files."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for name in listed:
        path = ROOT / name
        if name.startswith("static/vendor/") or not path.is_file():
            continue
        try:
            yield name, path.read_text()
        except UnicodeDecodeError:
            continue


def test_imports_point_one_way() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_and_functions_fit() -> None:
    too_long = []
    for path in [*sources(), *sorted((ROOT / "tools").rglob("*.py"))]:
        text = path.read_text()
        if text.count("\n") > LONGEST_FILE:
            too_long.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert not too_long, "\n".join(too_long)


def keys_read() -> set[str]:
    """The keys that settings.py asks the environment for."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(SETTINGS.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id.startswith("env")
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def keys_documented() -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    only_compose = {"POSTGRES_PASSWORD", "WORKER_KUBECONFIG", "OBSERVER_KUBECONFIG"}
    assert keys_documented() == keys_read() | only_compose


def test_every_value_that_compose_asks_for_is_in_the_example() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert asked <= keys_documented()


def test_only_the_settings_read_the_environment() -> None:
    """Writing it for a child is not reading it."""
    readers = []
    for path in sources():
        if path == SETTINGS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(value=ast.Name(id="os"), attr="getenv" | "environb"):
                    readers.append(f"{path.relative_to(ROOT)}:{node.lineno}")
                case ast.Attribute(value=ast.Attribute(value=ast.Name(id="os"), attr="environ"), attr=verb) if verb not in {
                    "setdefault",
                    "pop",
                }:
                    readers.append(f"{path.relative_to(ROOT)}:{node.lineno}")
                case ast.Subscript(value=ast.Attribute(value=ast.Name(id="os"), attr="environ"), ctx=ast.Load()):
                    readers.append(f"{path.relative_to(ROOT)}:{node.lineno}")
                case ast.BinOp(left=ast.Attribute(value=ast.Name(id="os"), attr="environ")):
                    readers.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not readers


def test_nothing_names_this_machine() -> None:
    """Paths of a person's or a builder's machine work nowhere else."""
    path_of_a_machine = re.compile(r"(?<![\w./-])/(?:work|root|home|Users)/\w")
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in published()
        for number, line in enumerate(text.splitlines(), 1)
        if path_of_a_machine.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_changelog_tells_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
    assert f"meshportal:{version}" in (ROOT / "docker-compose.yml").read_text()


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_hooks_call_tools_that_are_installed() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    tools = [hook["entry"].split()[0] for repo in config["repos"] for hook in repo["hooks"]]
    installed = Path(sys.executable).parent
    assert [tool for tool in tools if not (installed / Path(tool).name).exists()] == []


DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_our_documents_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    gone = [target for target in targets if target and not ((ROOT / document).parent / target).exists()]
    assert gone == []
