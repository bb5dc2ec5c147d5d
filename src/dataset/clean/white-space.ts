/** White space as a careful writer leaves it: single spaces, no ends, at most one empty line. Code keeps its own. */

const spaces = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g;

export function tidyWhiteSpace(text: string): string {
  const pieces = text.replaceAll(/\r\n?/g, '\n').split(/(```[^`]*```)/);
  return pieces
    .map((piece, i) => (i % 2 === 1 ? piece : tidyProse(piece)))
    .join('')
    .trim();
}

/** The change made to a text without its ends, which of a bare prompt and completion hold the two apart. */
export function betweenEnds(text: string, change: (inner: string) => string): string {
  const inner = text.trim();
  const start = text.indexOf(inner);
  return inner === '' ? text : text.slice(0, start) + change(inner) + text.slice(start + inner.length);
}

/** Indentation stays, as it may mean something; the last line goes on in code, so its end stays too. */
function tidyProse(text: string): string {
  const lines = text.replaceAll(spaces, ' ').split('\n');
  const tidied = lines.map((line, i) => {
    const content = line.trimStart();
    const indentation = line.slice(0, line.length - content.length);
    const single = indentation + content.replaceAll(/[ \t]{2,}/g, ' ');
    return i < lines.length - 1 ? single.replace(/[ \t]$/, '') : single;
  });
  return tidied.join('\n').replaceAll(/\n{3,}/g, '\n\n');
}
