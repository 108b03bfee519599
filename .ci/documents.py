"""A hook of MkDocs: pages that stand outside docs/ join the site, and links to the source leave it.

The documents are written to be read in the repository: their links are paths. Those to other documents become links of
the site; those to files of the source lead to `source_url` where one is set, and are plain text where none is.
"""

import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
JOINED = {
    "index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md",
    "measured.md": "benchmarks/RESULTS.md",
}  # fmt: skip
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<path>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    for name, origin in JOINED.items():
        files.append(File.generated(config, name, content=(ROOT / origin).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Outside of code every link is looked at; inside it there are none."""
    here = PurePosixPath(JOINED.get(page.file.src_uri, f"docs/{page.file.src_uri}"))
    parts = re.split(r"(^```.*?^```$|`[^`\n]+`(?!\]))", markdown, flags=re.M | re.S)
    shown = config["extra"]["source_url"]
    return "".join(
        part if number % 2 else LINK.sub(lambda found: linked(found, here, shown), part)
        for number, part in enumerate(parts)
    )


def linked(found: re.Match[str], here: PurePosixPath, source: str) -> str:
    target = resolved(here.parent / found["path"])
    text, anchor = found["text"], found["anchor"] or ""
    joined = {origin: name for name, origin in JOINED.items()}
    if target in joined:
        return f"[{text}]({joined[target]}{anchor})"
    if target.startswith("docs/"):
        return f"{found['image']}[{text}]({target.removeprefix('docs/')}{anchor})"
    return f"[{text}]({source.rstrip('/')}/{target})" if source else text


def resolved(path: PurePosixPath) -> str:
    """A path of the repository, without its `..`."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
