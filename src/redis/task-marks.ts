/** How far the task lists of nodes were looked at. */
import type { Redis } from 'ioredis';
import type { TaskMark, TaskMarks } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';

export const createTaskMarks = ({ redis, scripts }: { redis: Redis; scripts: Scripts }): TaskMarks => ({
  async read(index) {
    const fields = await reading('task marks', () => redis.hgetall(keys.taskMarks(index)));
    return new Map(
      Object.entries(fields).map(([node, text]) => [node, parseJson(text, `task mark of ${node}`) as TaskMark]),
    );
  },
  async write(lease, index, node, mark) {
    const hash = keys.taskMarks(index);
    await scripts.run('field-set', [keys.lease(lease.scope), hash], [lease.fence, node, JSON.stringify(mark)]);
  },
});
