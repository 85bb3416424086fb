"""A page to look at and listen to, which needs no other file and no network."""

import base64
import html
from collections.abc import Iterable
from pathlib import Path

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --soft: #6b6b70; --page: #fafaf8; --card: #fff; --line: #e2e2de;
  --good: #1f7a4d; --bad: #b3401f; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececea; --soft: #a0a09c; --page: #161617; --card: #202022;
  --line: #37373a; --good: #6cc79a; --bad: #f0936f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 5rem; max-width: 68rem; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .3rem; }
p { max-width: 46rem; margin: .3rem 0 .8rem; }
p.soft, small, figcaption { color: var(--soft); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem; margin: 1.4rem 0 0; }
dl div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .85rem; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .8rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { font-weight: 500; color: var(--soft); font-size: .85rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
figure { margin: .6rem 0; }
img { max-width: 100%; border-radius: .6rem; border: 1px solid var(--line); background: #fff; }
.pair { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; align-items: center; margin: .4rem 0; }
.pair span { min-width: 12rem; } audio { height: 2rem; max-width: 16rem; }
.two { display: flex; flex-wrap: wrap; gap: 1rem; }
details { margin: 1rem 0; } summary { cursor: pointer; }
"""


def write_page(path: Path, title: str, sections: Iterable[str]) -> None:
    """Write the page, whole or not at all; `sections` are HTML, empty ones are left out. OSError where it cannot be
    written."""
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(section for section in sections if section)
        + "\n</body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


def image(png: bytes) -> str:
    return f'<figure class="scroll"><img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}"></figure>'
