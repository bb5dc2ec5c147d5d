/** The body of `POST /v1/tasks`: one shape for each kind of task, as its own schema has it. */

import { z } from 'zod';
import { taskKinds } from '../../tasks/kinds.ts';

export const taskRequest = {
  oneOf: Object.entries(taskKinds).map(([type, { schema, secrets }]) => {
    const whole = schema.extend({ type: z.literal(type), continue_from: z.string().optional() });
    const { $schema: _, ...shape } = z.toJSONSchema(whole, { io: 'input', unrepresentable: 'any' });
    const kept = secrets.length === 0 ? '' : `; kept in memory only: ${secrets.join(', ')}`;
    return { title: type, description: `A task of the type '${type}'${kept}.`, ...shape };
  }),
};
