import { expect, test } from 'vitest';
import { modelfile } from '../../src/export/modelfile.ts';
import { GgufMetadata, type GgufValue, ggufValue } from '../../src/formats/gguf-metadata.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { tinyTokenizerMetadata, type TinyModelOptions } from '../tiny-model.ts';

const parts = { model: 'model.gguf', adapter: null, licence: 'mit', contextTokens: 512 };

function written(options: TinyModelOptions, more: Readonly<Record<string, GgufValue>> = {}): string {
  const metadata = new GgufMetadata(Object.entries({ ...tinyTokenizerMetadata(options), ...more }));
  return modelfile(TextCodec.fromGguf(metadata), parts);
}

const byRole = (roles: string): string =>
  `{% for message in messages %}${roles}{% endfor %}{% if add_generation_prompt %}{{ '[answer]' }}{% endif %}`;

test('BOS is left to llama.cpp where the model asks for it, and written where only the template does', () => {
  const chatTemplate = `{{ bos_token }}${byRole("{{ '[' + message.role + ']' + message.content + '[end]' }}")}`;
  const expected =
    '{{ range .Messages }}{{ if eq .Role "system" }}[system]{{ .Content }}[end]{{ else if eq .Role "user" }}[user]' +
    '{{ .Content }}[end]{{ else if eq .Role "assistant" }}[assistant]{{ .Content }}[end]{{ end }}{{ end }}[answer]';
  expect(written({ tokenizer: 'sentence-piece', chatTemplate })).toContain(`TEMPLATE """${expected}"""\n`);
  const addBos = { 'tokenizer.ggml.add_bos_token': ggufValue.bool(false) };
  expect(written({ tokenizer: 'sentence-piece', chatTemplate }, addBos)).toContain(`TEMPLATE """<s>${expected}"""\n`);
});

test('without a default system message there is no SYSTEM', () => {
  const text = written({ chatTemplate: byRole("{{ message.role + ': ' + message.content + '\n' }}") });
  expect(text).toContain('system: {{ .Content }}\n{{ else if eq .Role "user" }}user: ');
  expect(text).not.toContain('SYSTEM');
});

test.each([
  ['trims what is said', byRole("{{ message.role + message.content | replace('of', '') }}")],
  ['refuses a system message', byRole("{% if message.role == 'system' %}{{ raise_exception('no') }}{% endif %}x")],
  ['counts its turns', byRole("{{ loop.index ~ message.role + ': ' + message.content }}")],
  ['writes what Go would obey', byRole("{{ '{{ .Secret }}' + message.role + message.content }}")],
])('a template that %s is left to Ollama, and the stops stay', (_, chatTemplate) => {
  const text = written({ chatTemplate });
  expect(text).not.toContain('TEMPLATE');
  expect(text).toContain('Ollama recognises it by itself.');
  expect(text).toContain('PARAMETER stop "<|im_end|>"\n');
});

test('licence and context are told', () => {
  expect(written({})).toMatch(/PARAMETER num_ctx 512\nLICENSE "mit"\n$/);
});
