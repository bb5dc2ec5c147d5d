import { expect, test } from 'vitest';
import { readSettings, settingsTable } from '../src/config.ts';

test('without an environment every setting has its default: loopback, port 8080, no keys', () => {
  const settings = readSettings({});
  expect(settings).toMatchObject({
    host: '127.0.0.1',
    port: 8080,
    apiKeys: [],
    organization: 'personal',
    modelAliases: {},
  });
  expect(Object.keys(settings).sort()).toEqual(Object.keys(settingsTable).sort());
});

test('variables are read, and what is passed in wins over them', () => {
  const environment = {
    TUNESMITH_HOME: '/tmp/../tmp/tunes',
    TUNESMITH_PORT: '9000',
    TUNESMITH_API_KEYS: ' sk-a, sk-b ,',
    TUNESMITH_MODEL_ALIASES: 'gpt-4o-mini-2024-07-18=smollm2-135m-instruct, gpt-4o-mini = smollm2-135m-instruct',
    TUNESMITH_ORG: 'acme',
    TUNESMITH_LOG: '',
  };
  expect(readSettings(environment, { organization: 'other', threads: 3 })).toMatchObject({
    home: '/tmp/tunes',
    port: 9000,
    apiKeys: ['sk-a', 'sk-b'],
    modelAliases: { 'gpt-4o-mini-2024-07-18': 'smollm2-135m-instruct', 'gpt-4o-mini': 'smollm2-135m-instruct' },
    organization: 'other',
    threads: 3,
    logLevel: 'info',
  });
});

test.each([
  ['TUNESMITH_PORT', 'eighty', 'TUNESMITH_PORT is "eighty"; expected a whole number from 0 to 65535.'],
  ['TUNESMITH_PORT', '65536', 'a whole number from 0 to 65535'],
  ['TUNESMITH_PORT', '-1', 'a whole number'],
  ['TUNESMITH_THREADS', '0', 'a whole number from 1'],
  ['TUNESMITH_ORG', 'a:b', 'expected letters, digits, dots, dashes and underscores'],
  ['TUNESMITH_MODEL_ALIASES', 'gpt-4o-mini', 'and "gpt-4o-mini" is none'],
  ['TUNESMITH_RESULT_FILES', 'gzip', 'expected one of base64, plain'],
  ['TUNESMITH_LOG', 'loud', 'expected one of debug, info, warn, error, silent'],
])('%s=%s is refused, saying what was expected', (variable, text, message) => {
  expect(() => readSettings({ [variable]: text })).toThrow(message);
});
