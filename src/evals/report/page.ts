/** The page around a report. No script, no font, no picture from anywhere; a policy in the page forbids them. */

import { html, type Html } from './html.ts';

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --soft: #667085; --rule: #d9dee7; --first: #2563eb; --second: #d97706; --heat: 37 99 235 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --paper: #12161d; --soft: #98a2b3; --rule: #2d3542; --first: #7aa7ff; --second: #f5b454; --heat: 122 167 255 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { padding: .25rem .7rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top }
td.number, th.number { text-align: right } .scroll { overflow-x: auto } .soft { color: var(--soft) }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: inherit } details pre { border-left: 3px solid var(--rule); padding-left: .8rem }
svg { max-width: 30rem; width: 100% } svg text { font-size: 11px; fill: var(--soft) } .grid { stroke: var(--rule) } .ideal { stroke: var(--soft); stroke-dasharray: 4 4 }
.reach { stroke: var(--first); opacity: .5 } circle.first { fill: var(--first) } circle.second { fill: var(--second) } polyline { fill: none; stroke-width: 2 } polyline.first { stroke: var(--first) } polyline.second { stroke: var(--second) }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px } .key.first { background: var(--first) } .key.second { background: var(--second) }`;

export function pageHtml(title: string, body: Html): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${title}</title>
        <style>
          ${{ html: style }}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html> `;
  return page.html;
}
