/** How programs ask the model: the official clients, pointed at this server. */

import { Text } from '@mantine/core';
import type { ReactElement } from 'react';
import { Code } from '../../parts/code.tsx';
import { Panel } from '../../parts/panel.tsx';

export function UseIt({ model }: { readonly model: string }): ReactElement {
  return (
    <Panel title="Use it in a program">
      <Text size="sm" c="dimmed" mb="sm">
        It answers under its name wherever OpenAI&apos;s API is spoken. Only the address is another.
      </Text>
      <Code label="A request to this model" versions={versionsFor(model, `${location.origin}/v1`)} />
    </Panel>
  );
}

const versionsFor = (model: string, url: string): Record<string, string> => ({
  curl: `curl ${url}/chat/completions \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }).replaceAll("'", `'\\''`)}'`,
  Node: `import OpenAI from 'openai';

const openai = new OpenAI({ baseURL: '${url}', apiKey: process.env.OPENAI_API_KEY ?? 'none' });
const answer = await openai.chat.completions.create({
  model: ${JSON.stringify(model)},
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);`,
  Python: `import os
from openai import OpenAI

openai = OpenAI(base_url="${url}", api_key=os.environ.get("OPENAI_API_KEY", "none"))
answer = openai.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
});
