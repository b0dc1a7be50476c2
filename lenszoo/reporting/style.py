"""The look of the HTML reports: one inline style sheet for light, dark and print.

Every rule is below ``.lenszoo-report``, so that a report shown in a notebook leaves the page alone.
"""

CSS = """
.lenszoo-report {
  --ground: #ffffff; --panel: #f5f6f8; --line: #dcdfe5; --ink: #1b1e24; --soft: #59606d;
  --warn: #8a5200; --warn-ground: #fff6e5;
  color: var(--ink); background: var(--ground); color-scheme: light dark;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  max-width: 990px; margin: 0 auto; padding: 28px 24px 40px; box-sizing: border-box;
  text-align: left;
}
@media (prefers-color-scheme: dark) {
  .lenszoo-report {
    --ground: #14161b; --panel: #1e2128; --line: #343944; --ink: #e8eaee; --soft: #a2a9b6;
    --warn: #f2c063; --warn-ground: #2c2415;
  }
  .lenszoo-report img.chart { filter: invert(0.914) hue-rotate(180deg); }
}
.lenszoo-report h1 {
  font-size: 26px; line-height: 1.25; margin: 0 0 4px; color: var(--ink);
  overflow-wrap: anywhere;
}
.lenszoo-report h2 { font-size: 18px; margin: 36px 0 6px; color: var(--ink); }
.lenszoo-report p { margin: 6px 0; max-width: 78ch; }
.lenszoo-report .soft { color: var(--soft); font-size: 13.5px; }
.lenszoo-report .summary { font-size: 16px; }
.lenszoo-report .cards {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px;
  margin: 20px 0 12px; padding: 0;
}
.lenszoo-report .card {
  background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px;
}
.lenszoo-report .card dt { color: var(--soft); font-size: 13px; font-weight: 400; margin: 0; }
.lenszoo-report .card dd { margin: 0; }
.lenszoo-report .card .value {
  font-size: 25px; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums;
}
.lenszoo-report .card.warning { background: var(--warn-ground); border-color: var(--warn); }
.lenszoo-report .card.warning .value { color: var(--warn); }
.lenszoo-report .notes {
  background: var(--warn-ground); border-left: 4px solid var(--warn); border-radius: 0 6px 6px 0;
  margin: 16px 0; padding: 8px 16px 8px 32px;
}
.lenszoo-report .notes li { margin: 3px 0; }
.lenszoo-report .scroll { overflow-x: auto; }
.lenszoo-report table {
  border-collapse: collapse; margin: 8px 0; font-size: 14px; font-variant-numeric: tabular-nums;
  border: 0; color: var(--ink);
}
.lenszoo-report tr, .lenszoo-report tr:nth-child(even) { background: transparent; }
.lenszoo-report th, .lenszoo-report td {
  padding: 6px 14px 6px 0; border: 0; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; white-space: nowrap; color: inherit; background: transparent;
}
.lenszoo-report thead th {
  color: var(--soft); font-weight: 500; white-space: normal; vertical-align: bottom;
}
.lenszoo-report th:first-child { text-align: left; white-space: normal; }
.lenszoo-report tbody th { font-weight: 500; overflow-wrap: anywhere; min-width: 9em; }
.lenszoo-report table.text thead th { text-align: left; }
.lenszoo-report table.text td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.lenszoo-report .figures { display: flex; flex-wrap: wrap; gap: 8px 24px; }
.lenszoo-report figure { margin: 0; max-width: 100%; }
.lenszoo-report figure.wide { flex: 1 1 100%; }
.lenszoo-report figure.narrow { flex: 1 1 440px; max-width: 520px; }
.lenszoo-report img { display: block; max-width: 100%; height: auto; margin: 0; }
.lenszoo-report img.night { border-radius: 8px; }
.lenszoo-report figcaption { color: var(--soft); font-size: 13.5px; margin: 2px 0 12px; }
@media print { .lenszoo-report { max-width: none; padding: 0; } }
"""
