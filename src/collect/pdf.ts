/** The text of a PDF. The reader is loaded when the first PDF comes. */

import type { PageText } from './main-text.ts';

const pagesMax = 5000;

/** Throws when it is no PDF, is locked, or has no text, as scans have none. */
export async function pdfText(bytes: Uint8Array): Promise<PageText> {
  const { extractText, getDocumentProxy, getMeta } = await import('unpdf');
  const pdf = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
  try {
    if (pdf.numPages > pagesMax) throw new Error(`it has ${pdf.numPages} pages; at most ${pagesMax} are read`);
    const { text } = await extractText(pdf, { mergePages: false });
    const joined = text
      .map((page) => page.trim())
      .filter((page) => page !== '')
      .join('\n\n');
    if (joined === '') throw new Error('it has no text; scanned pages are pictures');
    const { info } = await getMeta(pdf);
    const title: unknown = (info as Record<string, unknown>)['Title'];
    return { title: typeof title === 'string' ? title.trim() : '', text: joined };
  } finally {
    await pdf.cleanup();
    await pdf.destroy();
  }
}
