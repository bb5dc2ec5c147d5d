/** Every kind of task there is; `task-kind.ts` says how to add one. */

import type { TaskType } from '../domain/task.ts';
import { compare } from './kinds/compare.ts';
import { exportTask } from './kinds/export.ts';
import { fileCheck } from './kinds/file-check.ts';
import { learningCurve } from './kinds/learning-curve.ts';
import { openaiCapture } from './kinds/openai-capture.ts';
import { openaiParity } from './kinds/openai-parity.ts';
import { openaiRecord } from './kinds/openai-record.ts';
import { openaiRestore } from './kinds/openai-restore.ts';
import { pull } from './kinds/pull.ts';
import { sweep } from './kinds/sweep.ts';
import type { TaskKind } from './task-kind.ts';

export const taskKinds: Readonly<Record<TaskType, TaskKind>> = {
  file_check: fileCheck,
  pull,
  export: exportTask,
  openai_capture: openaiCapture,
  openai_record: openaiRecord,
  openai_restore: openaiRestore,
  openai_parity: openaiParity,
  compare,
  sweep,
  learning_curve: learningCurve,
};
