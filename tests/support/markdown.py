"""Markdown as far as the house rules need it: links, anchors of headings, rows of tables."""

import re

from tests.support.fixtures import ROOT

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:")


def documents():
    """Every Markdown file of the project."""
    parts_of = {path: path.relative_to(ROOT).parts for path in ROOT.rglob("*.md")}
    return sorted(
        path for path, parts in parts_of.items() if not any(part.startswith((".", "node_")) for part in parts)
    )


def anchors(text):
    """The anchors of its headings, as GitHub makes them."""
    unique = []
    for heading in HEADING.findall(FENCE.sub("", text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        unique.append(f"{anchor}-{unique.count(anchor)}" if anchor in unique else anchor)
    return set(unique)


def links(text):
    """The targets of its links into the project."""
    prose = CODE.sub("", FENCE.sub("", text))
    return [target for target in LINK.findall(prose) if not ELSEWHERE.match(target)]


def dead_links(path):
    """The links of a file to missing files or headings."""
    dead = []
    for link in links(path.read_text()):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        exists = target.exists() and target.is_relative_to(ROOT)
        if not exists or (anchor and anchor not in anchors(target.read_text())):
            dead.append(link)
    return dead


def rows(text):
    """The rows of its tables, without heads and the lines beneath them."""
    lines = FENCE.sub("", text).splitlines()
    tables = [number for number, line in enumerate(lines) if line.startswith("| ---")]
    heads = {number - 1 for number in tables} | set(tables)
    return [line for number, line in enumerate(lines) if line.startswith("|") and number not in heads]
