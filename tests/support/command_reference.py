"""The reference of the command line, from the commands themselves."""

import click

from arrivals.cli.main import GROUPS, main

EVERYWHERE = {"help", "json_output", "url", "key"}  # said once, above the reference
DOCUMENTED = ("Use", "Operate")  # what proves has pages of its own


def command_reference():
    """Every command with what it does, its arguments and its options."""
    sections = []
    for heading in DOCUMENTED:
        entries = [entry for name in GROUPS[heading] for entry in _entries(main, name, click.Context(main), "arrivals")]
        sections.append("\n\n".join([f"### {heading}", *entries]))
    return "\n\n".join(sections)


def _entries(group, name, context, path):
    """The entry of a command; of a group, those of its commands."""
    command = group.get_command(context, name)
    if isinstance(command, click.Group):
        for inner in command.commands:
            yield from _entries(command, inner, click.Context(command), f"{path} {name}")
        return
    usage = [piece for piece in command.collect_usage_pieces(click.Context(command)) if piece != "[OPTIONS]"]
    yield "\n\n".join([f"**`{' '.join([path, name, *usage])}`**", *_paragraphs(command.help), *_options(command)])


def _paragraphs(text):
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def _options(command):
    """The list of a command's options; none for a command that has no options of its own."""
    context = click.Context(command)
    own = [option for option in command.params if isinstance(option, click.Option) and option.name not in EVERYWHERE]
    lines = []
    for names, words in (option.get_help_record(context) for option in own):
        lines.append(f"- `{names}`" + (f": {' '.join(words.split())}" if words else ""))
    return ["\n".join(lines)] if lines else []
