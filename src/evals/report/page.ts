/** The page around a report. No script, no font, no picture from anywhere; a policy in the page forbids them. */

import { html, type Html } from './html.ts';

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --soft: #667085; --rule: #d9dee7; --panel: #f6f7f9; --first: #2563eb; --second: #d97706; --heat: 37 99 235; --amiss: 217 119 6 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --paper: #12161d; --soft: #98a2b3; --rule: #2d3542; --panel: #1a2029; --first: #7aa7ff; --second: #f5b454; --heat: 122 167 255; --amiss: 245 180 84 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top }
td + td, th + th, th + td { padding-left: .8rem } td.number, th.number { text-align: right; white-space: nowrap } thead th, tr:first-child > th { color: var(--soft); font-weight: 600 }
td.number .soft { display: block; font-size: .85em } .scroll { overflow-x: auto } .soft { color: var(--soft) }
.bar { position: relative; display: block; width: 12rem; height: .8em; margin-top: .35em; background: var(--panel); border-radius: 2px }
.bar i { position: absolute; top: 0; height: 100%; background: var(--first); opacity: .35; border-radius: 2px } .bar b { position: absolute; top: -2px; width: 3px; margin-left: -1.5px; height: calc(100% + 4px); background: var(--first); border-radius: 1px }
.matrix td, .matrix th { border: 0; padding: .35rem .7rem } .matrix td { min-width: 3rem; text-align: center; border: 2px solid var(--paper) } .matrix th.number { text-align: center; max-width: 9rem; white-space: normal; overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: inherit }
details { margin: .6rem 0; padding: .6rem .9rem; background: var(--panel); border-radius: 6px } summary { cursor: pointer } details pre { max-height: 16rem; overflow-y: auto } details > pre { margin: .5rem 0 } .answers { width: 100% } .answers tr > th { width: 6rem; color: var(--soft); font-weight: normal } .answers tr:last-child > * { border: 0 }
svg { max-width: 32rem; width: 100% } svg text { font-size: 11px; fill: var(--soft) } .grid { stroke: var(--rule) } .ideal { stroke: var(--soft); stroke-dasharray: 4 4 } .share { fill: var(--rule) }
.reach { stroke: var(--first); stroke-width: 2; opacity: .45 } circle.first { fill: var(--first) } circle.second { fill: var(--second) } polyline { fill: none; stroke-width: 2; stroke-linejoin: round } polyline.first { stroke: var(--first) } polyline.second { stroke: var(--second) }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px } .key.first { background: var(--first) } .key.second { background: var(--second) } .key.share { background: var(--rule) }
@media (max-width: 40rem) { .bar { display: none } }
@media print { pre { max-height: none } details { break-inside: avoid } .bar, .matrix td, details, .key { print-color-adjust: exact } }`;

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
