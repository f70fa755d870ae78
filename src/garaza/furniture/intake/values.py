"""What a cell may hold, as plain texts, lists and tables of texts.

Exports write lists as JSON, as Python prints them, or with signs between; readers of JSON and Parquet give real ones,
and numbers of several kinds. Nothing here raises, whatever it is given, and nothing is evaluated.
"""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import html
import json
import math
import numbers
import re
from collections.abc import Callable, Iterable, Mapping

from garaza.kit.text import mended_line

MAX_CELL_LETTERS = 200_000
"""That are looked at."""
_MAX_LITERAL_LETTERS = 20_000
"""Of a list as Python prints it: more than any that a person made, and its parser takes time and memory."""
_MAX_ENTRIES = 1000
_DEEPEST = 4
_MOST_BITS = 128

_MISSING = frozenset([
    *("", "-", "--", "—", "nan", "none", "null", "nil", "n/a", "na", "n.a.", "#n/a", "undefined", "nat", "<na>"),
    *("not available", "not applicable", "not specified", "unspecified", "unknown"),
    *("[]", "{}", "()", "[none]", "[nan]", "['']"),
])  # fmt: skip
"""What stands for nothing."""
_TAG = re.compile(r"<(?:/?[a-zA-Z][^<>]{0,2000}|!-{2}[^<>]{0,2000})>|<!\[CDATA\[|\]\]>")
_UNREAD = re.compile(r"<(script|style)\b|<!--", re.IGNORECASE)
_UNREAD_ENDS = {
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
    "": re.compile("-->"),
}
_ENDS_LINE = re.compile(r"<(?:br|/p|/li|/div|/tr|/h[1-6])\b[^<>]{0,200}>", re.IGNORECASE)
_NAMES = (
    "value",
    "name",
    "text",
    "display_value",
    "displayValue",
    "raw",
    "url",
    "link",
    "src",
    "large",
    "hiRes",
    "hi_res",
)
"""Where a nested table has what it is about."""


def plain(value: object) -> object:
    """The same as Python's own: of numpy and pyarrow, bytes, dates. What isn't known is None."""
    match value:
        case None | str() | bool() | int() | float() | list() | tuple() | Mapping():
            return value
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode("utf-8", errors="replace")
        case set() | frozenset():
            return sorted(value, key=repr)
        case decimal.Decimal():
            return str(value) if value.is_finite() and abs(value.adjusted()) < _MOST_BITS else None
        case dt.date() | dt.time():
            return value.isoformat()
    return _converted(value)


def _converted(value: object) -> object:
    for method in ("as_py", "tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert):
            found: object = convert()
            return found if type(found) is type(value) else plain(found)
    return float(value) if isinstance(value, numbers.Real) else None


def number_of(value: object) -> float | None:
    """A cell that is a number already, and a finite one."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def raw_text(value: object, depth: int = 0) -> str:
    """A cell as text, as it is written; empty: there is none."""
    text = ""
    match plain(value):
        case str(written):
            text = written[:MAX_CELL_LETTERS]
        case bool(yes):
            text = "true" if yes else "false"
        case int(number) if number.bit_length() <= _MOST_BITS:
            text = str(number)
        case float(number) if math.isfinite(number):
            text = repr(number)
        case (list() | tuple()) as entries if depth < _DEEPEST:
            text = ", ".join(part for entry in entries[:_MAX_ENTRIES] if (part := raw_text(entry, depth + 1)))
        case Mapping() as table if depth < _DEEPEST:
            text = _table_text(table, depth)
    return text


def _table_text(table: Mapping[object, object], depth: int) -> str:
    for name in _NAMES:
        if name in table and (text := raw_text(table[name], depth + 1)):
            unit = raw_text(table.get("unit"), depth + 1)
            return f"{text} {unit}".strip()
    pairs = list(table.items())[:_MAX_ENTRIES]
    return ", ".join(f"{key}: {text}" for key, one in pairs if (text := raw_text(one, depth + 1)))


def is_missing(text: str) -> bool:
    """Whether it only stands for nothing."""
    return len(text) < 20 and text.strip().casefold() in _MISSING


def line_of(value: object) -> str:
    """A cell as one clean line, without HTML; empty: there is none."""
    text = raw_text(value)
    if is_missing(text):
        return ""
    line = without_html(text)
    return "" if is_missing(line) else line


def has_html(text: str) -> bool:
    """Whether there are tags in it."""
    return "<" in text and _TAG.search(text) is not None


def without_html(text: str) -> str:
    """The words of a text, in one clean line."""
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _TAG.sub(" ", _without_unread(text))
    return mended_line(text)


def _without_unread(text: str) -> str:
    """Without scripts, styles and comments. In one go, whatever is opened and never closed: patterns would look for the
    end from each beginning anew.
    """
    parts, at, endless = [], 0, set()
    while begin := _UNREAD.search(text, at):
        kind = (begin[1] or "").lower()
        end = None if kind in endless else _UNREAD_ENDS[kind].search(text, begin.end())
        if end is None:
            endless.add(kind)
        parts += [text[at : begin.start()], " " if end else begin[0]]
        at = (end or begin).end()
    return "".join([*parts, text[at:]])


# Lists and tables -----------------------------------------------------------------------------------------------------

_OPENING = {"[": "]", "(": ")", "{": "}"}
_NOTHING = re.compile(r"(?<![\w'\"])(?:nan|NaN|null|inf)(?![\w'\"])")
_UNPARTED = re.compile(r"'\s+'|\"\s+\"")
"""numpy prints lists without commas, which Python reads as one text."""
_ARRAY = re.compile(r"^array\((.*?)(?:,\s*dtype=[^)]*)?\)$", re.DOTALL)


def parsed(text: str) -> object:
    """What a text is that looks like a list or a table, in JSON or as Python prints it; None: it isn't one."""
    text = text.strip()
    if found := _ARRAY.match(text):
        text = found.group(1)
    if len(text) < 2 or _OPENING.get(text[0]) != text[-1]:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if len(text) > _MAX_LITERAL_LETTERS:
        return None
    if text[0] == "[" and "," not in text:
        text = _UNPARTED.sub("','", text)
    for attempt in (text, _NOTHING.sub("None", text)):
        try:
            found_value: object = ast.literal_eval(attempt)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return found_value if isinstance(found_value, (list, tuple, set, dict)) else None
    return None


def raw_entries(value: object, split: Callable[[str], Iterable[str]]) -> list[object]:
    """Those of a list, however it is written.

    Args:
        split: makes entries of a text that isn't a list in itself.
    """
    value = plain(value)
    if isinstance(value, str):
        text = value[:MAX_CELL_LETTERS]
        if is_missing(text):
            return []
        value = plain(parsed(text))
        if value is None:
            parts: list[object] = [*split(_torn(text))]
            return parts[:_MAX_ENTRIES]
    if isinstance(value, Mapping):
        # Pictures are sometimes keys, with their sizes as values.
        keys = [key for key in value if isinstance(key, str) and key.startswith("http")]
        return list(keys or value.values())[:_MAX_ENTRIES]
    if isinstance(value, (list, tuple)):
        return list(value[:_MAX_ENTRIES])
    return [] if value is None else [value]


def _torn(text: str) -> str:
    """A list that was cut off, or isn't written as any should be, without its signs."""
    stripped = text.strip()
    return stripped.strip("[]").replace("', '", "|").replace('", "', "|").strip("'\"") if stripped[:1] == "[" else text


def lines_of_html(text: str) -> str:
    """Where HTML ends a line, a newline."""
    return _ENDS_LINE.sub("\n", text) if "<" in text else text


def table_of(value: object) -> dict[str, str]:
    """Names and texts, however they are written; empty: there are none."""
    value = plain(value)
    if isinstance(value, str):
        text = value[:MAX_CELL_LETTERS]
        if is_missing(text):
            return {}
        value = plain(parsed(text))
        if value is None:
            value = re.split(r"[|;\n]", html.unescape(lines_of_html(_torn(text))))
    if isinstance(value, Mapping):
        found = [(line_of(key), line_of(one)) for key, one in list(value.items())[:_MAX_ENTRIES]]
    elif isinstance(value, (list, tuple)):
        found = [pair for entry in value[:_MAX_ENTRIES] for pair in _pairs(plain(entry))]
    else:
        found = []
    table: dict[str, str] = {}
    for name, text in found:
        if name and text:
            table.setdefault(name, text)
    return table


def _pairs(entry: object) -> list[tuple[str, str]]:
    """Of {"name": "Colour", "value": "Black"}, ["Colour", "Black"], "Colour: Black"."""
    if isinstance(entry, Mapping):
        for name in ("name", "key", "label", "title", "type"):
            if name in entry and "value" in entry:
                return [(line_of(entry[name]), line_of(entry["value"]))]
        return [(line_of(key), line_of(one)) for key, one in list(entry.items())[:_MAX_ENTRIES]]
    if isinstance(entry, (list, tuple)) and len(entry) == 2:
        return [(line_of(entry[0]), line_of(entry[1]))]
    name, colon, text = line_of(entry).partition(":")
    return [(name.strip(), text.strip())] if colon else []
