/** Tables and shapes of others → the four formats: what is recognised, what is guessed, what is refused. */

import { describe, expect, test } from 'vitest';
import { chat, converted, file, refusal, useFolder } from './folder.ts';

useFolder();

describe('tables', () => {
  test('a CSV with known names needs no words: subject and body make the prompt, the label the answer', async () => {
    const path = await file('mails.csv', 'id,subject,body,label\n1,Hi,"Two\nlines, ""quoted""",ham\n2,Win,Buy,spam\n');
    const result = await converted(path);
    expect(result.examples).toEqual([
      chat('Subject: Hi\n\nTwo\nlines, "quoted"', 'ham'),
      chat('Subject: Win\n\nBuy', 'spam'),
    ]);
    expect(result.unused).toEqual(['id']);
    expect(result.first).toEqual({ place: 'row 1 (line 2)', line: JSON.stringify(result.examples[0]) });
  });

  test.each([
    ['semicolons', 'question;answer\na,b;c\nd;e\n', 'CSV with ";" between columns', [chat('a,b', 'c'), chat('d', 'e')]],
    ['tabs', 'question\tanswer\na "quoted" word\tc\n', 'TSV', [chat('a "quoted" word', 'c')]],
    ['bars', 'question|answer\na|c\n', 'CSV with "|" between columns', [chat('a', 'c')]],
    ['CRLF, a byte order mark and an empty line', '\uFEFFquestion,answer\r\na,c\r\n\r\nd,e', 'CSV with "," between columns', [chat('a', 'c'), chat('d', 'e')]],
  ])('%s are seen', async (_, content, kind, examples) => {
    const result = await converted(await file('table.csv', content));
    expect(result.source.kind).toBe(kind);
    expect(result.examples).toEqual(examples);
  }); // prettier-ignore

  test('UTF-16 is seen by its mark; other encodings are said', async () => {
    const text = 'question,answer\nGrüße,ja\n';
    expect((await converted(await file('utf16.csv', Buffer.from(`\uFEFF${text}`, 'utf16le')))).examples).toEqual([
      chat('Grüße', 'ja'),
    ]);
    const latin1 = await file('latin1.csv', Buffer.from(text, 'latin1'));
    expect(await refusal(converted(latin1))).toBe(
      'latin1.csv: line 2 is not UTF-8 text. If the file comes from an older Windows program, say --encoding windows-1252.',
    );
    expect((await converted(latin1, { encoding: 'windows-1252' })).examples).toEqual([chat('Grüße', 'ja')]);
    expect(await refusal(converted(latin1, { encoding: 'klingon' }))).toMatch('"klingon" is no encoding');
  });

  test('columns and templates are taken as said; a system message may be a sentence', async () => {
    const path = await file('said.csv', 'q,a,who\nWhy?,Because.,Ann\n');
    const options = { user: '{who} asks:\\n{q} {{x}}', assistant: 'a', system: 'Answer in one word.' };
    expect((await converted(path, options)).examples).toEqual([
      chat('Ann asks:\nWhy? {x}', 'Because.', 'Answer in one word.'),
    ]);
    expect(await refusal(converted(path, { user: 'question' }))).toBe(
      '--user names the column "question", which is not there; there are "q", "a", "who".',
    );
    expect(await refusal(converted(path, { user: '{qq}' }))).toMatch('--user names the column "qq"');
    expect(await refusal(converted(path, { user: 'q', system: 'sytem' }))).toMatch('--system names the column "sytem"');
    expect(await refusal(converted(path, { user: '{q' }))).toMatch('a brace without a column name');
    expect(await refusal(converted(path))).toBe(
      `Which column is the prompt? There are "q", "a", "who". Say it by column or template, for example --user '{q}' --assistant '{a}'.`,
    );
  });

  test('two columns of any name are prompt and answer; without a head they have numbers', async () => {
    expect((await converted(await file('two.csv', 'Frage,Antwort\na,b\n'))).examples).toEqual([chat('a', 'b')]);
    expect((await converted(await file('bare.csv', 'a,b\nc,d\n'), { header: false })).examples).toEqual([
      chat('a', 'b'),
      chat('c', 'd'),
    ]);
  });

  test('paths lead into JSON values, numbers and lists are written as they are', async () => {
    const path = await file('deep.jsonl', '{"q":{"text":"Why?"},"n":3,"l":[1,"x"]}\n');
    const options = { user: '{q.text} {n}', assistant: '{l} {l.1}' };
    expect((await converted(path, options)).examples).toEqual([chat('Why? 3', '[1,"x"] x')]);
  });

  test('rows without prompt or answer are left out and counted; none left is an error', async () => {
    const result = await converted(await file('holes.csv', 'question,answer\na,\n,b\nc,d\n'));
    expect(result.examples).toEqual([chat('c', 'd')]);
    expect([...result.counts.left]).toEqual([
      ['no answer', { count: 1, places: ['row 1 (line 2)'] }],
      ['no prompt', { count: 1, places: ['row 2 (line 3)'] }],
    ]);
    expect(await refusal(converted(await file('none.csv', 'question,answer\na,\n')))).toBe(
      'none.csv: none of 1 rows makes an example: 1: no answer (row 1 (line 2)).',
    );
    expect(await refusal(converted(await file('empty.csv', 'question,answer\n')))).toBe('empty.csv has no rows.');
    expect(await refusal(converted(await file('nothing.csv', '')))).toBe('nothing.csv has no rows.');
  });
});

describe('formats', () => {
  const table = 'system,prompt,chosen,rejected,score\nBe kind.,Hello?,Hi!,What.,7\n';

  test('one table becomes any of the four', async () => {
    const path = await file('four.csv', table.replace('chosen', 'preferred'));
    expect((await converted(path)).examples).toEqual([chat('Hello?', 'Hi!', 'Be kind.')]);
    expect((await converted(path, { to: 'completion' })).examples).toEqual([
      { prompt: 'Be kind.\n\nHello?', completion: 'Hi!' },
    ]);
    const { messages } = chat('Hello?', 'Hi!', 'Be kind.');
    expect((await converted(path, { to: 'preference' })).examples).toEqual([
      {
        input: { messages: messages.slice(0, 2) },
        preferred_output: messages.slice(2),
        non_preferred_output: [{ role: 'assistant', content: 'What.' }],
      },
    ]);
    expect((await converted(path, { to: 'reinforcement' })).examples).toEqual([
      { messages: messages.slice(0, 2), score: '7', reference_answer: 'Hi!' },
    ]);
    expect((await converted(path, { to: 'reinforcement', keep: [] })).examples).toEqual([
      { messages: messages.slice(0, 2), reference_answer: 'Hi!' },
    ]);
    expect(await refusal(converted(path, { to: 'reinforcement', keep: ['points'] }))).toMatch(
      '--keep names the column "points"',
    );
  });

  test('preference pairs are read as texts, as messages, and as conversations that begin alike', async () => {
    const user = { role: 'user', content: 'Q' };
    const says = (content: string) => ({ role: 'assistant', content });
    const expected = { input: { messages: [user] }, preferred_output: [says('A')], non_preferred_output: [says('B')] };
    const rows = [
      { prompt: 'Q', chosen: 'A', rejected: 'B' },
      { prompt: [user], chosen: [says('A')], rejected: [says('B')] },
      { chosen: [user, says('A')], rejected: [user, says('B')] },
      { prompt: 'Q', chosen: [user, says('A')], rejected: [user, says('B')] },
      {
        conversations: [{ from: 'human', value: 'Q' }],
        chosen: { from: 'gpt', value: 'A' },
        rejected: { from: 'gpt', value: 'B' },
      },
      { instruction: 'Q', input: '', chosen: 'A', rejected: 'B' },
    ];
    for (const row of rows) {
      const path = await file('pairs.jsonl', JSON.stringify(row));
      expect((await converted(path, { to: 'preference' })).examples, JSON.stringify(row)).toEqual([expected]);
    }
    const own = await file('own.jsonl', JSON.stringify(expected));
    expect((await converted(own, { to: 'preference' })).examples).toEqual([expected]);
    expect((await converted(own)).examples).toEqual([chat('Q', 'A')]);
  });

  test('a conversation becomes a completion with its speakers, and a task for a grader with its reference', async () => {
    const turns = [...chat('Q1', 'A1').messages, ...chat('Q2', 'A2').messages];
    const path = await file('turns.jsonl', JSON.stringify({ messages: turns }));
    expect((await converted(path, { to: 'completion' })).examples).toEqual([
      { prompt: 'User: Q1\nAssistant: A1\nUser: Q2\nAssistant:', completion: 'A2' },
    ]);
    const task = { messages: turns.slice(0, 3), reference_answer: 'A2' };
    expect((await converted(path, { to: 'reinforcement' })).examples).toEqual([task]);
    expect((await converted(await file('task.jsonl', JSON.stringify(task)))).examples).toEqual([{ messages: turns }]);
    const open = { messages: turns.slice(0, 3), points: 3 };
    const asked = await file('asked.jsonl', JSON.stringify(open));
    expect((await converted(asked, { to: 'reinforcement' })).examples).toEqual([open]);
    expect((await converted(asked)).examples).toEqual([chat('Q1', 'A1')]);
  });
});

describe('shapes of others', () => {
  test('Alpaca: instruction and input are the prompt, history comes before', async () => {
    const rows = [
      { instruction: 'Translate.', input: 'Haus', output: 'house' },
      { instruction: 'Say hi.', input: '', output: 'hi', system: 'Be brief.', history: [['Q', 'A']] },
    ];
    const result = await converted(await file('alpaca.json', JSON.stringify(rows, null, 2)));
    expect(result.shape).toBe('Alpaca');
    const [system, ...rest] = chat('Say hi.', 'hi', 'Be brief.').messages;
    expect(result.examples).toEqual([
      chat('Translate.\n\nHaus', 'house'),
      { messages: [system, ...chat('Q', 'A').messages, ...rest] },
    ]);
  });

  test('ShareGPT: speakers become roles, function calls become tool calls, a last question without answer goes', async () => {
    const conversations = [
      { from: 'system', value: 'S' },
      { from: 'human', value: 'Weather?' },
      { from: 'function_call', value: '{"name":"weather","arguments":{"city":"Bonn"}}' },
      { from: 'observation', value: 'rain' },
      { from: 'gpt', value: 'It rains.' },
      { from: 'human', value: 'Thanks' },
    ];
    const tools = JSON.stringify([{ name: 'weather', parameters: {} }]);
    const result = await converted(await file('sharegpt.json', JSON.stringify([{ conversations, tools }])));
    expect(result.shape).toBe('ShareGPT');
    expect(result.examples).toEqual([
      {
        messages: [
          { role: 'system', content: 'S' },
          { role: 'user', content: 'Weather?' },
          {
            role: 'assistant',
            content: null,
            tool_calls: [
              { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bonn"}' } },
            ],
          },
          { role: 'tool', content: 'rain', tool_call_id: 'call_1' },
          { role: 'assistant', content: 'It rains.' },
        ],
        tools: [{ type: 'function', function: { name: 'weather', parameters: {} } }],
      },
    ]);
    const odd = await file('odd.jsonl', '{"conversations":[{"from":"alien","value":"?"}]}');
    expect(await refusal(converted(odd))).toMatch('odd.jsonl, line 1: conversations[0] is from "alien"; system, ');
  });

  test('Promptfoo: a configuration brings prompt and cases, expectations that are answers become answers', async () => {
    const config = `
prompts:
  - 'Translate to {{language}}: {{text}} {"as": "json"}'
defaultTest:
  vars: { language: French }
tests:
  - vars: { text: house }
    assert: [{ type: llm-rubric, value: is polite }, { type: icontains, value: maison }]
  - vars: { text: [dog, cat], language: German }
    assert: [{ type: equals, value: Tier }]
  - vars: { text: bird }
    assert: [{ type: javascript, value: 'output.length > 3' }]
`;
    const result = await converted(await file('promptfooconfig.yaml', config));
    expect(result.examples).toEqual([
      chat('Translate to French: house {"as": "json"}', 'maison'),
      chat('Translate to German: dog {"as": "json"}', 'Tier'),
      chat('Translate to German: cat {"as": "json"}', 'Tier'),
    ]);
    expect(result.counts.left.get('no answer')).toEqual({ count: 1, places: ['test 3'] });
  });

  test('Promptfoo: test cases alone, as JSON, as a list of chat messages, as CSV', async () => {
    const tests = [{ vars: { question: '2+2?' }, assert: [{ type: 'equals', value: '4' }] }];
    expect((await converted(await file('tests.json', JSON.stringify(tests)))).examples).toEqual([chat('2+2?', '4')]);
    const prompts = [
      JSON.stringify([
        { role: 'system', content: 'Count.' },
        { role: 'user', content: '{{question}}' },
      ]),
    ];
    expect((await converted(await file('messages.yaml', JSON.stringify({ prompts, tests })))).examples).toEqual([
      chat('2+2?', '4', 'Count.'),
    ]);
    const csv =
      'question,__expected,__description\nCapital?,similar(0.8): Paris,x\n2+2?,4,x\nNote?,"Note: yes",x\nPolite?,llm-rubric: is polite,x\n';
    const result = await converted(await file('tests.csv', csv));
    expect(result.examples).toEqual([chat('Capital?', 'Paris'), chat('2+2?', '4'), chat('Note?', 'Note: yes')]);
    expect(result.counts.left.get('no answer')?.places).toEqual(['row 4 (line 5)']);
    expect(await refusal(converted(await file('far.yaml', 'tests: file://cases.csv')))).toMatch(
      'its tests are in another file (file://cases.csv)',
    );
    const aliases = `a: &a [x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`).join('\n')}\n`;
    expect(await refusal(converted(await file('laughs.yaml', aliases)))).toMatch(
      /laughs\.yaml: (is not YAML|has no list)/,
    );
  });

  test.each([
    ['BIO', 'EU B-ORG\nrejects O\nGerman B-MISC\ncall O\n. O\n\nPeter B-PER\nBlackburn I-PER\n'],
    ['old BIO', 'EU I-ORG\nrejects O\nGerman I-MISC\ncall O\n. O\n\nPeter I-PER\nBlackburn I-PER\n'],
    ['IOBES', 'EU S-ORG\nrejects O\nGerman S-MISC\ncall O\n. O\n\nPeter B-PER\nBlackburn E-PER\n'],
    ['four columns', '-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\nGerman JJ B-NP B-MISC\ncall NN I-NP O\n. . O O\n\nPeter NNP B-NP B-PER\nBlackburn NNP I-NP I-PER'],
  ])('CoNLL in %s: entities as they stand in the text', async (_, content) => {
    const result = await converted(await file('ner.conll', content));
    expect(result.examples).toEqual([
      chat('EU rejects German call.', '{"MISC":["German"],"ORG":["EU"]}'),
      chat('Peter Blackburn', '{"PER":["Peter Blackburn"]}'),
    ]);
  }); // prettier-ignore

  test('CoNLL: neighbours of one type stay two, spans lie where they say, words are joined as one writes them', async () => {
    const content =
      "Ann B-PER\nBob B-PER\ndo O\nn't O\nlike O\n( O\nold O\n) O\nSt B-LOC\n. I-LOC\nIves I-LOC\n, O\nright O\n? O\n";
    const { examples } = await converted(await file('spans.conll', content), { spans: true });
    const [{ messages }] = examples as [{ messages: { content: string }[] }];
    const [user, assistant] = messages.map((message) => message.content) as [string, string];
    expect(user).toBe("Ann Bob don't like (old) St. Ives, right?");
    const { entities } = JSON.parse(assistant) as {
      entities: { type: string; text: string; start: number; end: number }[];
    };
    expect(entities.map(({ type, text }) => `${type} ${text}`)).toEqual(['PER Ann', 'PER Bob', 'LOC St. Ives']);
    for (const { text, start, end } of entities) expect(user.slice(start, end)).toBe(text);
    expect(await refusal(converted(await file('untagged.conll', 'EU NNP\nrejects VBZ\n')))).toMatch(
      'no column has entity tags such as B-PER',
    );
    expect(await refusal(converted(await file('short.conll', 'EU B-ORG\nrejects\n\n'), { tagColumn: 2 }))).toMatch(
      /no column|line 2 has 1 column/,
    );
  });
});
