"""MyST as a notebook shows it: labels of equations become tags, roles their text, directives quotations."""

from __future__ import annotations

import re

ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
NAMED_TARGET = re.compile(r"(.*\S)\s*<[^<>]+>", re.S)
EQUATION = re.compile(r"\$\$(?P<body>(?:(?!\$\$).)+?)\$\$ *\((?P<label>[\w:-]+)\)", re.S)
FENCE = re.compile(r"(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\} *(?P<title>.*)")
OPTION = re.compile(r":([\w-]+): *(.*)")
UNSEEN = re.compile(r"\([\w:-]+\)=|%.*")  # targets and comments


def plain_markdown(text: str) -> str:
    """The text without what only the site understands."""
    lines = text.split("\n")
    result: list[str] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        opening = FENCE.fullmatch(line)
        if opening:
            closing = (k for k in range(position, len(lines)) if lines[k].strip() == opening["fence"])
            end = next(closing, len(lines))
            result += directive(opening["name"], opening["title"], lines[position:end])
            position = end + 1
        elif not UNSEEN.fullmatch(line):
            result.append(line)
    plain = EQUATION.sub(lambda m: f"$${m['body'].rstrip()}\n\\tag{{{m['label']}}}\n$$", "\n".join(result))
    return ROLE.sub(role, plain).strip("\n")


def role(match: re.Match[str]) -> str:
    name, content = match.groups()
    named = NAMED_TARGET.fullmatch(content)
    if named:
        return named[1]
    return f"({content})" if name == "eq" else f"[{content}]" if name.startswith("cite") else content


def directive(name: str, title: str, body: list[str]) -> list[str]:
    options = {}
    while body and (option := OPTION.fullmatch(body[0])):
        options[option[1]] = option[2]
        body = body[1:]
    inside = plain_markdown("\n".join(body))
    if name == "exercise-start":
        return ["**Exercise.**", ""]
    if name == "figure":
        return [f"![{options.get('alt', '')}]({title})", "", inside]
    if not inside:  # what the site fills in
        return []
    heading = title or name.capitalize()
    if options.get("class") == "dropdown":
        return ["<details>", f"<summary>{heading}</summary>", "", inside, "", "</details>"]
    return [f"> **{heading}**", ">", *(f"> {line}".rstrip() for line in inside.split("\n"))]
