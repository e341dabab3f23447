"""Page: a report for people as one file of HTML, without any address outside of itself."""

from html import escape

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:left}
svg{max-width:100%;height:auto}.verdict{font-size:1.5em;font-weight:600}"""


def document(title: str, parts: list[str]) -> str:
    """The page; parts: pieces of HTML."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return "\n".join([head, *parts, "</html>", ""])


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Texts as cells."""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}</table>"


def listing(lines: list[str]) -> str:
    """Texts as a list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
