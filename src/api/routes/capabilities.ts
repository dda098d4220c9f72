/** What whoever asks may do here: a page offers nothing else. */
import { z } from 'zod';
import type { App } from '../app.ts';
import { SCOPES } from '../keys.ts';
import { shown } from '../schemas/base.ts';

const CAPABILITIES = shown(
  z.object({
    actor: z.string().describe('as the audit stream names whoever asks'),
    scope: z.enum(SCOPES).describe('of the key'),
    read_only: z.boolean().describe('whether the key may change nothing'),
  }),
  { actor: 'key:ci-bot', scope: 'operate', read_only: false },
);

export function addCapabilities(app: App): void {
  app.get(
    '/v1/capabilities',
    {
      config: { scope: 'read' },
      schema: { tags: ['capabilities'], summary: 'What the key may do', response: { 200: CAPABILITIES } },
    },
    async ({ principal }) => {
      const { actor, scope } = principal ?? { actor: 'nobody', scope: 'read' as const };
      return { actor, scope, read_only: scope === 'read' };
    },
  );
}
