/** The thread that makes sense of pages and PDFs: bytes come in, a text or the reason for none goes out. */

import { parentPort } from 'node:worker_threads';
import type { Extracted, Extraction } from './extractor.ts';
import { decodePage, mainText } from './main-text.ts';
import { pdfText } from './pdf.ts';

parentPort?.on('message', ({ kind, bytes, contentType }: Extraction) => {
  const read = async () => (kind === 'pdf' ? await pdfText(bytes) : mainText(decodePage(bytes, contentType)));
  read().then(
    (text): void => answer({ text }),
    (error: Error): void => answer({ reason: error.message }),
  );
});

const answer = (extracted: Extracted): void => parentPort?.postMessage(extracted);

parentPort?.postMessage('listening');
