/** One at a time writes into a capture: two would each forget what the other took. */

import { TunesmithError } from '../domain/errors.ts';
import { lockFolder } from '../store/folder-lock.ts';

export async function lockCapture(folder: string): Promise<AsyncDisposable> {
  try {
    return await lockFolder(folder);
  } catch (error) {
    if (!(error instanceof TunesmithError)) throw error;
    throw new TunesmithError('conflict', `Another command is at work in ${folder}.`, { code: 'capture_in_use' });
  }
}
