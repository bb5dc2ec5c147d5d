/**
 * Preloaded into a server: kills it the instant after the transaction that remembers a request was committed, before
 * a byte of the answer is sent. Once per file named in DIE_AFTER_COMMIT, which is written to say that it happened.
 */

import { existsSync, writeFileSync } from 'node:fs';
import { SqliteDriver } from 'kysely';

const marker = process.env.DIE_AFTER_COMMIT;
const watched = new WeakSet();
const acquireConnection = Reflect.get(SqliteDriver.prototype, 'acquireConnection');

SqliteDriver.prototype.acquireConnection = async function () {
  const connection = await acquireConnection.call(this);
  if (!watched.has(connection)) watch(connection);
  watched.add(connection);
  return connection;
};

function watch(connection) {
  const executeQuery = connection.executeQuery.bind(connection);
  let remembered = false;
  connection.executeQuery = async (query) => {
    const result = await executeQuery(query);
    if (query.sql.startsWith('begin')) remembered = false;
    if (query.sql.startsWith('insert into "answered_requests"')) remembered = true;
    if (query.sql !== 'commit' || !remembered || existsSync(marker)) return result;
    writeFileSync(marker, 'died here');
    process.kill(process.pid, 'SIGKILL');
    return result;
  };
}
