/** How fast copies may go. */
import { setThrottle, showThrottle } from '../../control/throttle.ts';
import type { App } from '../app.ts';
import { type ApiParts, askedBy } from '../parts.ts';
import { NEW_THROTTLE, THROTTLE } from '../schemas/throttle.ts';

export function addThrottle(app: App, control: ApiParts): void {
  app.get(
    '/v1/throttle',
    {
      config: { scope: 'read' },
      schema: { tags: ['throttle'], summary: 'How fast copies may go', response: { 200: THROTTLE } },
    },
    async () => showThrottle(control),
  );

  app.put(
    '/v1/throttle',
    {
      config: { scope: 'operate' },
      schema: {
        tags: ['throttle'],
        summary: 'Limit copies: documents a second, and tasks that wait in nodes',
        description: 'The whole of it: a node that is not named has no limit of its own. Null is no limit.',
        body: NEW_THROTTLE,
        response: { 200: THROTTLE },
      },
    },
    async (request, _reply) => setThrottle(askedBy(control, request), request.body),
  );
}
