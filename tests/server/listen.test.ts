import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { openTestHouse } from '../house.ts';

test('a port that is in use is named, with what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(openTestHouse({ port })).rejects.toMatchObject({
    code: 'cannot_listen',
    message: expect.stringMatching(
      new RegExp(`127\\.0\\.0\\.1:${port}.*another program has this port.*TUNESMITH_PORT`),
    ),
  });
  other.close();
});

test.each(['0.0.0.0', '::', '192.0.2.7'])('listening on %s without keys is refused, with what to do', async (host) => {
  await expect(openTestHouse({ host })).rejects.toMatchObject({
    code: 'keys_required',
    message: expect.stringMatching(/tunesmith keys create/),
  });
});

test('with keys it may listen on all addresses', async () => {
  await using house = await openTestHouse({ host: '0.0.0.0', apiKeys: ['sk-a-long-secret'] });
  expect((await house.openai.files.list()).data).toEqual([]);
});

test('an address this machine does not have is named', async () => {
  await expect(openTestHouse({ host: '192.0.2.7', apiKeys: ['sk-a-long-secret'] })).rejects.toThrow(
    /192\.0\.2\.7:0: this machine does not have that address/,
  );
});

test('a second house on the same folder is refused, and opens once the first is closed', async () => {
  await using first = await openTestHouse();
  await expect(openTestHouse({ home: first.home })).rejects.toMatchObject({ code: 'data_folder_in_use' });
  await first.app.close();
  await first.house[Symbol.asyncDispose]();
  await using second = await openTestHouse({ home: first.home });
  expect((await second.openai.files.list()).data).toEqual([]);
});
