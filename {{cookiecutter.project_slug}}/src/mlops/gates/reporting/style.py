"""How the page looks: one column on a phone, light or dark as the reader has it, printable."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2328; --faint: #6a737d; --line: #d1d9e0; --shade: #f6f8fa;
  --challenger: #0550ae; --champion: #9a5b00; --bad: #c21f2d; --pass: #116329; --warn: #7d4e00; --block: #b42318; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --ink: #e6edf3; --faint: #848d97; --line: #30363d; --shade: #161b22;
    --challenger: #6cb6ff; --champion: #e3a857; --bad: #ff7b72; --pass: #56d364; --warn: #e3b341; --block: #ff7b72; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p, ul { margin: .5rem 0; }
ul { padding-left: 1.4rem; }
li, p, figcaption, summary { overflow-wrap: anywhere; }
td { overflow-wrap: break-word; max-width: min(48em, 78vw); }
.banner { border-left: 8px solid var(--tone); background: var(--shade); padding: 16px; border-radius: 6px; }
.banner h1 { color: var(--tone); }
.pass { --tone: var(--pass); } .warn { --tone: var(--warn); } .block { --tone: var(--block); }
.none { --tone: var(--faint); }
.scroll { overflow-x: auto; margin: .5rem 0; border: 1px solid var(--line); border-radius: 6px; }
.scroll:focus-visible { outline: 2px solid var(--challenger); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
table { font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
th, td { min-width: 5.5em; }
th { background: var(--shade); border-top: 0; }
.r { text-align: right; white-space: nowrap; }
.mark { white-space: nowrap; font-weight: 600; color: var(--tone); }
.mark::before { content: ""; display: inline-block; width: .6em; height: .6em; border-radius: 50%; margin-right: .45em;
  background: currentColor; }
code { font: .88em ui-monospace, monospace; background: var(--shade); padding: 1px 4px; border-radius: 4px;
  unicode-bidi: isolate; }
details { border-top: 1px solid var(--line); padding: 8px 0; margin-top: 12px; }
summary { font-size: 1.1rem; font-weight: 600; cursor: pointer; padding: 4px 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr)); gap: 20px; }
figure { margin: 0; }
figcaption { font-weight: 600; }
svg { width: 100%; height: auto; display: block; font-family: system-ui, sans-serif; }
footer { color: var(--ink); margin: 2rem 0; font-size: .85rem; border-top: 1px solid var(--line); padding-top: 8px; }
@media (max-width: 800px) { table { width: max-content; min-width: 100%; } }
@media (max-width: 600px) {
  table:has(.mark) { width: 100%; }
  tr:has(.mark) { display: flex; flex-wrap: wrap; border-top: 1px solid var(--line); }
  tr:has(.mark) td { border: 0; padding-bottom: 0; }
  tr:has(.mark) td:last-child { flex-basis: 100%; max-width: 100%; padding: 0 10px 6px; }
  thead:has(+ tbody .mark) { display: none; }
}
@media (max-width: 480px) { body { font-size: 15px; } main { padding: 12px; } .banner { padding: 12px; } }
@media print { details { break-inside: avoid; } }
"""
