"""What the other pages were asked for, and what they measured, in one table.

    python benchmarks/pages.py      # reads them, and renews that table in RESULTS.md

Each page is made by a script of its own, some of which need other packages than
run.py does; a table of theirs that names targets is read here.
"""

import re
from pathlib import Path
from typing import NamedTuple

from results import Target, table

HERE = Path(__file__).parent
TITLE = "## Targets of other pages"


class Page(NamedTuple):
    """Where a page has its numbers, and what they should be.

    Attributes
    ----------
    name : str
    what : tuple of str
        The columns that say what was measured.
    measured : str
        The column of numbers.
    bound : Target, str or function
        Of all rows; of each, the column that has it; or of a row, as a dict of str:
        None is no target.
    """

    name: str
    what: tuple
    measured: str
    bound: object


def _of_fits(row):
    """Of 200,000 rows 25 fits' worth, and with a race 10."""
    if not row["data"].endswith("200,000 x 20"):
        return None
    return Target(10 if row["search"] == "race" else 25, " fits", at_most=True)


def _of_grids(row):
    return Target(10) if row["data"].endswith("500 x 10") else None


RATIO, PENALTY = "theirs / ours", ("data", "penalty", "alpha / alpha_max")
PAGES = [
    Page(
        "PENALTIES",
        ("data", "penalty", "alpha / alpha_max"),
        "skglm / ours",
        Target(1.5),
    ),
    Page("SEARCH", ("data", "search"), "fits' worth", _of_fits),
    Page("SEARCH", ("data", "search"), "ratio", _of_grids),
    Page("RANKING", ("work", "peer"), "peer / ours", "target"),
    Page("SURVIVAL", ("work", "peer"), "peer / ours", "target"),
    Page("OUTPUTS", ("work", "beside"), RATIO, "target"),
    Page("COUNTS", ("model",), "ratio", "target"),
    Page("SCALE", ("work",), "found", "asked"),
    Page("METRIC", ("data",), "ratio", Target(0.33, "", at_most=True)),
    Page("TUNED", ("data",), "excess", Target(1e-4, "", at_most=True)),
]


def tables(text):
    """Each table of a page: its rows, as dicts from columns to cells."""
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        names, _, *rows = [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in block.splitlines()
        ]
        yield [dict(zip(names, row)) for row in rows]


def number(text):
    """The first number of a cell, None if there is none."""
    found = re.search(r"-?\d[\d,]*\.?\d*(?:e[-+]?\d+)?", text)
    return float(found[0].replace(",", "")) if found else None


def target_of(page, row):
    """What a row was asked for, and None if nothing was."""
    if isinstance(page.bound, Target):
        return page.bound
    if callable(page.bound):
        return page.bound(row)
    text = row.get(page.bound, "")
    if number(text) is None:
        return None
    unit = "" if page.measured == "found" else "x"
    return Target(number(text), unit, at_most=text.startswith("at most"))


def rows():
    """A row for each target of the pages, as cells."""
    for page in PAGES:
        text = (HERE / f"{page.name}.md").read_text(encoding="utf-8")
        for found in tables(text):
            for row in found:
                if not {*page.what, page.measured} <= row.keys():
                    break
                target, measured = target_of(page, row), number(row[page.measured])
                if target is None or measured is None:
                    continue
                what = " ".join(row[name] for name in page.what).replace("`", "")
                bound = target.bound
                is_reached = measured <= bound if target.at_most else measured >= bound
                verdict = "reached" if is_reached else "**missed**"
                shown = f"**{measured:g}{target.unit}**"
                yield f"{page.name}: {what}", target, shown, verdict


def section():
    """The lines of the section."""
    found = list(rows())
    missed = sum(row[-1] != "reached" for row in found)
    return [
        TITLE,
        "",
        f"{len(found) - missed} of {len(found)} are reached. What is measured, against "
        "whom, and why some",
        "targets are missed is on each page.",
        "",
        *table(("what", "target:", "measured:", ""), found),
        "",
    ]


def main():
    """Renew the section in RESULTS.md, which follows that of its own targets."""
    path = HERE / "RESULTS.md"
    head, *parts = re.split(r"(?m)^(?=## )", path.read_text(encoding="utf-8"))
    parts = [part for part in parts if not part.startswith(TITLE)]
    parts.insert(1, "\n".join(section()) + "\n")
    path.write_text(head + "".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
