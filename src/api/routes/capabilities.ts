/** What this server can do, and what of it whoever asks may: a page hides the rest. */
import type { App } from '../app.ts';
import { mayDo } from '../keys.ts';
import { CAPABILITIES, FEATURES } from '../schemas/capabilities.ts';

export function addCapabilities(app: App, version: string): void {
  app.get(
    '/v1/capabilities',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['capabilities'],
        summary: 'What the server can do, and what the key that asks may',
        response: { 200: CAPABILITIES },
      },
    },
    async ({ principal }) => ({
      version,
      actor: principal?.actor ?? null,
      scope: principal?.scope ?? null,
      read_only: principal === null || !mayDo(principal, 'operate'),
      features: FEATURES,
    }),
  );
}
