"""Files of catalogues, as they come: rows with numbers, notes instead of what can't be read, errors that help."""

import contextlib
import csv
import gzip
import io
import json
import sys
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from garaza.furniture.intake import unpacking
from garaza.furniture.intake.files import CatalogueFileError, form_of, read_rows
from garaza.furniture.intake.notes import FileRow, Note
from garaza.furniture.intake.rows import parse_row

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NAMES = ["asin", "title", "price", "description", "brand"]
GOOD = [[f"A{n}", f"Chair {n}", f"${n}.99", "Soft, and\ndeep", 'The "good" one'] for n in range(1, 8)]


def table(rows, delimiter=",", **how):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, **how).writerows([NAMES, *rows])
    return text.getvalue()


@pytest.fixture
def read(tmp_path):
    """All rows of a file with these bytes."""

    def read(content, skip=0, mapping=None, name=None):
        path = tmp_path / "stored"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read_rows(path, form_of(path, name), skip, mapping))

    return read


def asins(rows):
    return [row["asin"] for _, row in rows if isinstance(row, FileRow) and "asin" in row]


JSON_ROWS = [dict(zip(NAMES, row, strict=True)) for row in GOOD]


def parquet(rows, **how):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file, **how)
    return file.getvalue()


CONTENTS = {
    "csv": lambda: table(GOOD).encode(),
    "csv of Excel": lambda: b"\xef\xbb\xbf" + table(GOOD, quoting=csv.QUOTE_ALL).encode(),
    "csv in UTF-16": lambda: table(GOOD).encode("utf-16"),
    "semicolons": lambda: table(GOOD, ";").encode(),
    "tabs": lambda: table(GOOD, "\t", lineterminator="\n").encode(),
    "bars": lambda: table(GOOD, "|").encode(),
    "said": lambda: b"sep=|\r\n" + table(GOOD, "|").encode(),
    "blank lines": lambda: b"\n\n" + table(GOOD).replace("A3,", "\r\n,,,,\r\nA3,").encode() + b"\r\n\r\n",
    "gzip": lambda: gzip.compress(table(GOOD).encode()),
    "zstd": lambda: zstd.compress(table(GOOD).encode()),
    "json lines": lambda: "\n".join(map(json.dumps, JSON_ROWS)).encode(),
    "json lines of Windows": lambda: b"\xef\xbb\xbf" + "\r\n\r\n".join(map(json.dumps, JSON_ROWS)).encode() + b"\r\n",
    "json lines in UTF-16": lambda: "\n".join(map(json.dumps, JSON_ROWS)).encode("utf-16"),
    "json list": lambda: json.dumps(JSON_ROWS).encode(),
    "json list in lines": lambda: b" \n" + json.dumps(JSON_ROWS, indent=2).encode() + b"\n",
    "json list, gzip": lambda: gzip.compress(json.dumps(JSON_ROWS).encode()),
    "parquet": lambda: parquet(JSON_ROWS),
    "parquet in groups": lambda: parquet(JSON_ROWS, row_group_size=2),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_every_form_gives_the_same_rows(read, content):
    rows = read(CONTENTS[content]())

    assert [number for number, _ in rows] == list(range(1, len(GOOD) + 1))
    assert [[row[name] for name in NAMES] for _, row in rows] == GOOD
    assert not any(row.notes for _, row in rows)


@pytest.mark.parametrize("content", CONTENTS)
def test_reading_goes_on_from_any_row(read, content):
    rows = read(CONTENTS[content]())

    for skip in range(len(GOOD) + 2):
        assert read(CONTENTS[content](), skip) == rows[skip:]


def test_how_far_it_is_is_told(tmp_path):
    for number, content in enumerate(CONTENTS.values()):
        path, told = tmp_path / str(number), []
        path.write_bytes(content())
        for _ in read_rows(path, form_of(path), progress=told.append):
            pass
        assert told == sorted(told)
        assert told[-1] == path.stat().st_size


def test_rows_with_too_few_or_too_many_cells_are_mended(read):
    rows = read("asin,title,price\nA1,One\nA2,Two,$2,more\nA3,Three,$3,,\n")

    assert [dict(row) for _, row in rows] == [
        {"asin": "A1", "title": "One", "price": ""},
        {"asin": "A2", "title": "Two", "price": "$2"},
        {"asin": "A3", "title": "Three", "price": "$3"},
    ]
    assert [[note.kind for note in row.notes] for _, row in rows] == [["mended"], ["mended"], []]
    assert [len(parse_row(row).notes) for _, row in rows] == [1, 1, 0]


def test_of_two_columns_of_one_name_the_first_counts(read):
    assert read("asin,title,title\nA1,One,Two")[0][1] == {"asin": "A1", "title": "One"}


def test_bytes_that_are_no_text_cost_only_themselves(read):
    rows = read("asin,title\nA1,Caf\u00e9\nA2,Plain\n".encode("latin-1"))
    parsed = [parse_row(row) for _, row in rows]

    assert [one.product.title for one in parsed] == ["Caf\ufffd", "Plain"]
    assert [len(one.notes) for one in parsed] == [1, 0]


def test_nul_is_mended(read):
    ((_, row),) = read("asin,title\nA1,a\0b\n")

    assert parse_row(row).product.title == "a b"


BROKEN = [
    'B1,"Desk 47 inch,$5,x,y',
    'B1,Desk 47",$5,x,y',
    'B1,"Desk" wide,$5,x,y',
    'B1,"Desk,$5,"x",y',
    'B1,"Desk\nB2,"Desk,$5,x,y',
    '"',
    '"""',
    ',"\n",x',
    '",",","',
]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_quote_that_is_not_closed_costs_no_other_row(read, broken, quoting):
    third = '"A3"' if quoting else "A3,"

    rows = read(table(GOOD, quoting=quoting).replace(third, f"{broken}\r\n{third}"))

    read_rows = [row for _, row in rows if isinstance(row, FileRow)]
    assert [[row[name] for name in NAMES] for row in read_rows if row["asin"].startswith("A")] == GOOD


def test_cells_and_lines_beyond_all_bounds_are_refused_alone(read):
    long_cell = "x" * (1 << 20) + "x"
    long_line = "x" * (5 << 20)
    rows = read(f"asin,title\nA1,One\nA2,{long_cell}\nA3,Three\n{long_line}\nA4,Four\n")

    assert asins(rows) == ["A1", "A3", "A4"]
    assert [(number, row.kind) for number, row in rows if isinstance(row, Note)] == [(2, "refused"), (4, "refused")]


def test_lines_that_are_no_json_are_refused_alone(read):
    lines = [
        '{"asin": "A1", "title": "One", "price": NaN}',
        '{"asin": "A2", "tit',
        "[1]",
        "null",
        '{"asin": "A3", "title": "Three", "n": ' + "9" * 5000 + "},",
        '{"a":' * 5000,
        '{"x": "' + "x" * (5 << 20) + '"}',
        '{"asin": "A4", "title": "Four"}',
    ]
    rows = read("\n".join(lines))

    assert asins(rows) == ["A1", "A3", "A4"]
    assert [number for number, row in rows if isinstance(row, Note)] == [2, 3, 4, 6, 7]
    assert all(parse_row(row).product for _, row in rows if isinstance(row, FileRow))


def test_a_list_with_other_things_in_it_is_read_on(read):
    rows = read('[{"asin": "A1", "title": "One"}, 5, null, {"asin": "A2", "title": "Two"}]')

    assert asins(rows) == ["A1", "A2"]


def test_rows_of_a_list_may_be_longer_than_a_part(read):
    rows = [{"asin": f"A{n}", "title": "T", "description": "x" * 100_000} for n in range(5)]

    assert [dict(row) for _, row in read(json.dumps(rows))] == rows


@pytest.mark.parametrize("cut", [1, 10, 200, 500])
def test_a_list_that_is_cut_off_is_told(read, cut):
    whole = json.dumps(JSON_ROWS)

    with pytest.raises(CatalogueFileError, match="cut off"):
        read(whole[:-cut])


@pytest.mark.parametrize("packed", [gzip.compress, zstd.compress])
def test_what_is_packed_and_cut_off_is_told(read, packed):
    rows = table([[f"A{n}", str(hash(str(n))), "", "", ""] for n in range(5000)])

    with pytest.raises(CatalogueFileError, match="cut off or damaged"):
        read(packed(rows.encode())[:-1000])


@pytest.mark.parametrize("packed", [gzip.compress, zstd.compress])
def test_a_bomb_is_left_alone(read, packed, monkeypatch):
    monkeypatch.setattr(unpacking, "_FREE_BYTES", 1 << 16)

    with pytest.raises(CatalogueFileError, match="far more"):
        read(packed(b"asin,title\n" + b"A1,One\n" * (1 << 20)))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "nothing in the file"),
        (b" \n\r\n\t", "nothing in the file"),
        (b"\xef\xbb\xbf", "nothing in the file"),
        (gzip.compress(b"", mtime=0), "nothing in the file"),
        (b"PK\x03\x04rest", "save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "save the sheet as CSV"),
        (b"%PDF-1.7", "export the catalogue as CSV"),
        (b"BZh91AY", "gzip or zstd"),
        (b"\xfd7zXZ\x00", "gzip or zstd"),
        (b"\x00\x01\x02\x03" * 50, "no text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no text"),
        (b"<!DOCTYPE html><html>", "page of HTML"),
        (gzip.compress(b"PAR1...PAR1", mtime=0), "Unpack it"),
        (b"PAR1 and then something else", "cut off or damaged"),
        (b"name,cost\nChair,5\n", "known as the asin. It has: name, cost"),
        (b"asin,cost\nA1,5\n", "known as the title. It has: asin, cost"),
        (b"just some text", "known as the asin"),
        (b'{"name": "Chair"}\n', "known as the asin. It has: name"),
        (b'[{"asin": "A1"}]', "known as the title. It has: asin"),
        (b"{nothing\n" * 30, "no JSON objects"),
        (b"x" * (5 << 20), "no end"),
    ],
)
def test_what_is_no_catalogue_is_told_with_advice(read, content, told):
    with pytest.raises(CatalogueFileError, match=told):
        read(content)


def test_names_in_errors_are_bounded_and_clean(read):
    with pytest.raises(CatalogueFileError) as caught:
        read(",".join(f"column\x1b number {n} {'x' * 300}" for n in range(500)))

    assert len(str(caught.value)) < 1500
    assert "\x1b" not in str(caught.value)


def test_a_mapping_makes_columns_known(read):
    rows = read("Nr,Was\nA1,Stuhl\n", mapping={"Nr": "asin", "Was": "title"})

    assert parse_row(rows[0][1], {"Nr": "asin", "Was": "title"}).product.title == "Stuhl"


def test_a_table_may_begin_like_json(read):
    assert read("[asin],title\nA1,One\n", name="stock.CSV.gz")[0][1]["title"] == "One"
    assert read('{"asin": "A1", "title": "One"}\n', name="stock.csv")[0][1]["title"] == "One"


def test_parquet_gives_what_it_has(read):
    rows = [
        {
            "asin": "A1",
            "title": "One",
            "price": 53.99,
            "images": ["https://a.example/1.jpg"],
            "color": None,
            "junk": b"\xff",
        },
        {"asin": "A2", "title": "Two", "price": float("nan"), "images": [], "junk": b""},
    ]
    first, second = (parse_row(row) for _, row in read(parquet(rows)))

    assert (first.product.price_minor, first.product.images) == (5399, ("https://a.example/1.jpg",))
    assert (second.product.price_minor, second.product.images) == (None, ())
    assert "junk" not in read(parquet(rows))[0][1]


def test_text_in_parquet_that_is_none_costs_only_itself(read):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    bad = pa.array([b"Caf\xe9", b"Two"], pa.binary()).view(pa.string())
    far = pa.array([1 << 60, 0], pa.timestamp("ms"))
    file = io.BytesIO()
    pq.write_table(pa.table({"asin": ["A1", "A2"], "title": bad, "updated_at": far}), file)

    titles = [parse_row(row).product.title for _, row in read(file.getvalue())]

    assert titles == ["Caf\ufffd", "Two"]


def test_parquet_without_its_package_is_told(read, monkeypatch):
    content = parquet(JSON_ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(CatalogueFileError, match=r"garaza\[parquet\]"):
        read(content)


MANY = {
    "csv": lambda rows: table(rows).encode(),
    "gzip": lambda rows: gzip.compress(table(rows).encode(), 1),
    "json lines": lambda rows: "\n".join(json.dumps(dict(zip(NAMES, row, strict=True))) for row in rows).encode(),
    "json list": lambda rows: json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows]).encode(),
}


@pytest.mark.parametrize("content", MANY)
def test_memory_does_not_grow_with_the_file(tmp_path, content):
    path = tmp_path / "stored"
    path.write_bytes(MANY[content]([[f"A{n}", "Chair", "$1", "Soft. " * 100, "x"] for n in range(10_000)]))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_rows(path, form_of(path)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 10_000
    assert peak < 2 << 20


# Anything at all ------------------------------------------------------------------------------------------------------

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DIRTY_LINES = st.lists(st.text(st.sampled_from("\",;x\t\r 1\0\ud7ffé{}[]\\'"), max_size=12), max_size=3)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"asin,title\n", b'{"asin":', b"[{", b"PAR1", b"\x1f\x8b\x08", b"\xff\xfe"]),
)
@QUICK
def test_no_file_breaks_it(read, content, begin):
    rows = []
    with contextlib.suppress(CatalogueFileError):
        rows = read(begin + content)

    assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
    assert all(isinstance(row, Note) or parse_row(row) for _, row in rows)


@given(st.lists(DIRTY_LINES, min_size=4, max_size=4), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
@QUICK
def test_dirty_lines_cost_no_good_row_of_a_table(read, dirty, quoting):
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting)
    writer.writerow(NAMES)
    for number, lines in enumerate(dirty):
        text.write("".join(f"{line}\n" for line in lines))
        writer.writerow([f"GOOD{number}", "Chair, large", "$1", "Soft", "Nordhus"])

    rows = read(text.getvalue())

    good = [dict(row) for _, row in rows if isinstance(row, FileRow) and row["asin"].startswith("GOOD")]
    assert good == [
        {"asin": f"GOOD{number}", "title": "Chair, large", "price": "$1", "description": "Soft", "brand": "Nordhus"}
        for number in range(4)
    ]


@given(st.lists(DIRTY_LINES, min_size=4, max_size=4))
@QUICK
def test_dirty_lines_cost_no_good_row_of_json(read, dirty):
    parts = ['{"asin": "GOOD", "title": "Chair"}\n']
    for lines in dirty:
        parts += ["".join(f"{line}\n" for line in lines), '{"asin": "GOOD", "title": "Chair"}\n']

    rows = read("".join(parts))

    assert asins(rows) == ["GOOD"] * 5
