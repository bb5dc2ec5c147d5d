/**
 * Images in a conversation, by OpenAI's limits. What breaks a rule of shape is an error; what OpenAI's trainer
 * would skip (too large, of a wrong kind) is a warning, as the job goes on without it.
 */

import type { Role } from '../domain/example.ts';
import { describe, isObject, type Fields, type Place, type Report } from './problem.ts';

const imagesPerExampleMax = 10;
export const imageExamplesMax = 50_000;
const imageBytesMax = 10 * 10 ** 6;

/** The first bytes of the kinds of image that may be shown. */
const signatures: Readonly<Record<string, string>> = {
  'image/jpeg': 'ffd8ff',
  'image/png': '89504e47',
  'image/webp': '52494646',
};

export function checkImage(part: Fields, role: Role, place: Place, report: Report): void {
  if (role !== 'user') {
    report.add('invalid_image', place, {
      found: `an image from "${role}"`,
      expected: 'images in user messages only',
      suggestion: 'Move it to a message of the user.',
    });
  }
  const image = part['image_url'];
  const url = isObject(image) ? image['url'] : undefined;
  if (!isObject(image) || typeof url !== 'string') {
    const bare = typeof image === 'string';
    report.add(
      'invalid_image',
      { path: `${place.path}.image_url`, name: place.name },
      {
        found: describe(image),
        expected: '{"url": "https://… or data:image/png;base64,…"}',
        suggestion: bare ? 'Wrap it: "image_url": {"url": "…"}.' : null,
      },
    );
    return;
  }
  const { detail } = image;
  if (detail !== undefined && detail !== 'auto' && detail !== 'low' && detail !== 'high') {
    const at = { path: `${place.path}.image_url`, name: place.name };
    report.field('invalid_image', at, 'detail', detail, '"auto", "low" or "high"', 'Leave it out for "auto".');
  }
  checkUrl(url, { path: `${place.path}.image_url.url`, name: place.name }, report);
}

export function checkImageCount(count: number, place: Place, report: Report): void {
  report.add('images_not_trained', place, {
    found: count === 1 ? 'an image' : `${count} images`,
    expected: 'text only',
    suggestion: 'Train it where a base model sees images, or say in words what they show.',
    message: `${place.name} has images: the base models here learn from text only, and a job would refuse the file.`,
  });
  if (count <= imagesPerExampleMax) return;
  report.add('invalid_image', place, {
    found: `${count} images`,
    expected: `at most ${imagesPerExampleMax} in one example`,
    suggestion: 'Spread them over several examples.',
  });
}

function checkUrl(url: string, place: Place, report: Report): void {
  if (/^https?:\/\/[^\s/]/iu.test(url)) return;
  const data = /^data:([^;,]*)(;base64)?,/iu.exec(url);
  if (data === null) {
    report.add('invalid_image', place, {
      found: describe(url),
      expected: 'an http(s) address or a data URL',
      suggestion: 'Put the image into the file: data:image/png;base64,…',
    });
    return;
  }
  const [{ length }, kind = '', base64] = data;
  const signature = signatures[kind.toLowerCase()];
  const sizeBytes = Math.floor(((url.length - length) * 3) / 4);
  const start = Buffer.from(url.slice(length, length + 16), 'base64').toString('hex');
  const skipped = (found: string, expected: string): void =>
    report.add('skipped_image', place, { found, expected, suggestion: 'OpenAI skips the example; convert the image.' });
  if (signature === undefined) skipped(`an image of type ${describe(kind)}`, 'JPEG, PNG or WEBP');
  else if (base64 === undefined || !start.startsWith(signature)) skipped('other bytes', `${kind} in base64`);
  else if (sizeBytes > imageBytesMax) skipped(`an image of ${(sizeBytes / 1e6).toFixed(1)} MB`, 'at most 10 MB');
}
