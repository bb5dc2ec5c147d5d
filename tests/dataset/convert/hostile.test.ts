/** Files that are broken, lie about themselves, or want to fill the memory: a clear error each, and soon. */

import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { writeZip } from '../../formats/write-zip.ts';
import { chat, converted, file, refusal, useFolder } from './folder.ts';

useFolder();

describe('text', () => {
  test.each([
    ['a row with too many fields', 'question,answer\na,b\na,b,c\n', 'row 2 (line 3): it has 3 fields, and the head has 2 (question, answer); is a field with a delimiter in it lacking its quotes?.'],
    ['a row with too few', 'question,answer\n"a\nb",c\nd\n', 'row 2 (line 4): it has 1 field, and the head has 2 (question, answer).'],
    ['the same head twice', 'question,answer,question\na,b,c\n', 'columns 1 and 3 are both called "question"; every column needs a name of its own.'],
    ['a column called __proto__', 'question,__proto__\na,b\n', 'column 2 is called "__proto__", which is refused.'],
    ['a quote that never closes', 'question,answer\n"a,b\nc,d\n', 'a quote is opened in the row that begins on line 2, and never closed.'],
    ['a quote inside a field', 'question,answer\na "b" c,d\n', 'line 2: a quote stands in the middle of a field; such a field needs quotes around it, with its own doubled.'],
    ['letters behind a quote', 'question,answer\n"a"b,d\n', 'line 2: letters follow a closing quote; a quote inside a field is written twice.'],
  ])('%s', async (_, content, message) => {
    expect(await refusal(converted(await file('bad.csv', content)))).toMatch(message);
  }); // prettier-ignore

  test('with --skip-bad, rows that cannot be read are counted and the others taken', async () => {
    const result = await converted(await file('bad.csv', 'question,answer\na,b\na,b,c\nc,d\n'), { skipBad: true });
    expect(result.examples).toEqual([chat('a', 'b'), chat('c', 'd')]);
    expect([...result.counts.left.values()]).toEqual([{ count: 1, places: ['row 2 (line 3)'] }]);
    const lines = await converted(
      await file('bad.jsonl', '{"prompt":"a","completion":"b"}\n{oops\n[1]\n\n{"__proto__":1}\n'),
      { skipBad: true },
    );
    expect(lines.examples).toEqual([chat('a', 'b')]);
    expect([...lines.counts.left].map(([reason, { places }]) => `${places.join()}: ${reason.slice(0, 24)}`)).toEqual([
      'line 2: it is not JSON (Expected',
      'line 3: it is [1], and an object',
      'line 5: it has a field "__proto_',
    ]);
  });

  test('bytes that are no text are told by line, also deep inside and where a piece ends', async () => {
    const filler = 'ä,b\n'.repeat(70_000);
    const bytes = Buffer.concat([Buffer.from(`question,answer\n${filler}`), Buffer.from([0x61, 0xff, 0x2c, 0x62, 10])]);
    expect(await refusal(converted(await file('bytes.csv', bytes)))).toMatch(
      /^bytes\.csv: line 70002 is not UTF-8 text/,
    );
    const cut = Buffer.concat([Buffer.from('question,answer\na,b'), Buffer.from([0xc3])]);
    expect(await refusal(converted(await file('cut.csv', cut)))).toMatch(/^cut\.csv: line 2 is not UTF-8/);
    const whole = await converted(await file('whole.csv', `question,answer\n${filler}`));
    expect(whole.counts.written).toBe(70_000);
  });

  test.each(['table.csv', 'lines.jsonl', 'list.json', 'ner.conll', 'tests.yaml'])(
    '%s that is really gzip is not unpacked, however large it would be',
    async (name) => {
      const path = await file(name, gzipSync(Buffer.alloc(32 << 20)));
      expect(await refusal(converted(path))).toBe(
        `${name}: is packed with gzip; unpack it first (gunzip) and convert what comes out.`,
      );
    },
  );

  test('a field or line of many megabytes ends with an error, in little memory', async () => {
    const quoted = await file('long.csv', 'question,answer\n"');
    const stream = createWriteStream(quoted, { flags: 'a' });
    for (let i = 0; i < 40; i++) stream.write(Buffer.alloc(1 << 20, 'a'));
    stream.end();
    await finished(stream);
    expect(await refusal(converted(quoted))).toMatch(/^long\.csv: the row that begins on line 2 is longer than 16 MB/);
  });

  test.each([
    ['a list that is cut off', '[{"prompt":"a","completion":"b"},{"prompt":', 'the list is never closed; the file ends on line 1, cut off.'],
    ['something behind the list', '[{"prompt":"a","completion":"b"}]\n[]', 'line 2: something follows the end of the list.'],
    ['a comma too many', '[{"prompt":"a","completion":"b"},,{}]', 'element 2: it is not JSON'],
    ['100,000 brackets', `[${'['.repeat(100_000)}`, 'line 1: brackets are nested more than 500 deep.'],
    ['a bare value', '7', 'is one bare value'],
    ['no JSON at all', '{"a": ', 'is not JSON'],
  ])('JSON: %s', async (_, content, message) => {
    expect(await refusal(converted(await file('bad.json', content)))).toMatch(message);
  }); // prettier-ignore

  test('JSON: a line nested 100,000 deep is refused with its line', async () => {
    const line = `{"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(await refusal(converted(await file('deep.jsonl', line)))).toMatch(/^deep\.jsonl/);
    const nested = `{"prompt":"a","completion":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(await refusal(converted(await file('deep2.jsonl', nested)))).toMatch('nested too deeply');
  });

  test('a JSON list of any length is read an element at a time', async () => {
    const element = '{"prompt":"a [\\" b","completion":"}],c"}';
    const path = await file('list.json', `[\n${Array(5000).fill(element).join(',\n')}\n]\n`);
    const { examples } = await converted(path);
    expect(examples).toHaveLength(5000);
    expect(examples[4999]).toEqual(chat('a [" b', '}],c'));
    expect((await converted(await file('data.json', `{"version": 1, "data": [${element}]}`))).examples).toHaveLength(1);
  });
});

describe('spreadsheets', () => {
  const cell = (reference: string, text: string): string =>
    `<c r="${reference}" t="inlineStr"><is><t>${text}</t></is></c>`;
  const sheet = (rows: string): Buffer =>
    Buffer.from(
      `<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>${rows}</sheetData></worksheet>`,
    );
  const relations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
  const workbook = (sheetData: Buffer, claims = {}) =>
    writeZip([
      { name: '[Content_Types].xml', data: Buffer.from('<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>') },
      { name: 'xl/workbook.xml', data: Buffer.from(`<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="${relations}"><sheets><sheet name="FAQ" sheetId="1" r:id="rId1"/></sheets></workbook>`) },
      { name: 'xl/_rels/workbook.xml.rels', data: Buffer.from(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="${relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`) },
      { name: 'xl/worksheets/sheet1.xml', data: sheetData, claims },
    ]); // prettier-ignore
  const rows = `<row r="1">${cell('A1', 'question')}${cell('B1', 'answer')}</row><row r="3">${cell('A3', 'Why?')}${cell('B3', 'So.')}</row>`;

  test('are read sheet by sheet, empty rows left out', async () => {
    const result = await converted(await file('faq.xlsx', workbook(sheet(rows))));
    expect(result.examples).toEqual([chat('Why?', 'So.')]);
    expect(result.first?.place).toBe('row 3');
    expect(await refusal(converted(await file('faq.xlsx', workbook(sheet(rows))), { sheet: 'Prices' }))).toBe(
      'faq.xlsx: has no sheet "Prices"; it has "FAQ".',
    );
  });

  test('a bomb is refused by what it says, and stopped where it lies', async () => {
    const bomb = Buffer.alloc(32 << 20, ' ');
    expect(await refusal(converted(await file('bomb.xlsx', workbook(bomb, { sizeBytes: 300 << 20 }))))).toMatch(
      /^bomb\.xlsx: unpacks to 300 MB, more than 128 MB/,
    );
    expect(await refusal(converted(await file('lies.xlsx', workbook(bomb, { sizeBytes: 1000 }))))).toMatch(
      'does not have the 1000 bytes that it declares',
    );
  });

  test('a cell in the farthest corner, a row of any number, an archive that is no spreadsheet', async () => {
    const far = sheet(`<row r="1">${cell('A1', 'question')}</row><row r="1048576">${cell('XFD1048576', 'x')}</row>`);
    expect(await refusal(converted(await file('far.xlsx', workbook(far))))).toMatch(
      'claims 1048576 rows of 16384 columns',
    );
    const tall = sheet(`<row r="999999999999">${cell('A1', 'x')}</row>`);
    expect(await refusal(converted(await file('tall.xlsx', workbook(tall))))).toMatch('claims 999999999999 rows');
    const other = writeZip([{ name: 'readme.xml', data: Buffer.from('hi') }]);
    expect(await refusal(converted(await file('other.xlsx', other)))).toBe(
      'other.xlsx: is a ZIP archive, but no spreadsheet.',
    );
    expect(await refusal(converted(await file('text.xlsx', 'question,answer')))).toMatch('not a ZIP archive');
  });
});

describe('Parquet', () => {
  const write = (rows = 3): Buffer =>
    Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: 'text', data: Array.from({ length: rows }, (_, i) => `mail ${i}`), type: 'STRING' },
          { name: 'label', data: Array.from({ length: rows }, (_, i) => BigInt(i % 2)), type: 'INT64' },
        ],
        kvMetadata: [
          { key: 'huggingface', value: JSON.stringify({ info: { features: { label: { names: ['ham', 'spam'], _type: 'ClassLabel' } } } }) },
        ],
        rowGroupSize: 1000,
      }),
    ); // prettier-ignore

  test('is read group by group; numbers of labels become their names', async () => {
    const result = await converted(await file('mails.parquet', write(2500)));
    expect(result.source.kind).toBe('Parquet, 2500 rows in 3 groups');
    expect(result.examples).toHaveLength(2500);
    expect(result.examples.slice(0, 2)).toEqual([chat('mail 0', 'ham'), chat('mail 1', 'spam')]);
    expect(result.examples[2499]).toEqual(chat('mail 2499', 'spam'));
  });

  test('nested messages arrive as messages', async () => {
    const messages = chat('Q', 'A').messages;
    const bytes = parquetWriteBuffer({ columnData: [{ name: 'messages', data: [messages, messages], type: 'JSON' }] });
    expect((await converted(await file('chat.parquet', Buffer.from(bytes)))).examples).toEqual([
      { messages },
      { messages },
    ]);
  });

  test('every footer and header that lies gets an error: each byte of a small file is turned once', async () => {
    const good = write();
    const outcomes = new Set<string>();
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] = bytes[at]! ^ 0xff;
      const message = await refusal(
        converted(await file('turned.parquet', bytes), { user: 'text', assistant: 'label' }),
      );
      outcomes.add(message.replaceAll(/\d+/g, '#').slice(0, 60));
    }
    expect(outcomes.has('no error')).toBe(true); // a letter of the text, say
    expect([...outcomes].filter((each) => each !== 'no error' && !/^turned\.parquet|^--user names/.test(each))).toEqual(
      [],
    );
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['only its name', Buffer.from('PAR1')],
    ['a footer longer than the file', Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(20), Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.from('PAR1')])],
    ['a file cut in two', write(2500).subarray(0, 900)],
  ])('%s', async (_, bytes) => {
    expect(await refusal(converted(await file('bad.parquet', bytes)))).toMatch(/^bad\.parquet: /);
  }); // prettier-ignore
});
