// A node that takes changes of settings, says that they succeeded, and does something else while it is told to.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface DistortingNode {
  readonly url: string;
  /** What every change of settings becomes, JSON text; null lets them pass. */
  distort(body: string | null): void;
  close(): Promise<void>;
}

/** In front of the node at `target`. */
export async function distortingNode(target: string): Promise<DistortingNode> {
  let distorted: string | null = null;
  const server = createServer((request, response) => {
    const forward = async (): Promise<void> => {
      const body = await buffer(request);
      const isChange = request.method === 'PATCH' && (request.url ?? '').endsWith('/settings');
      const answer = await fetch(target + (request.url ?? ''), {
        method: request.method ?? 'GET',
        headers: { 'content-type': 'application/json' },
        ...(body.length === 0 ? {} : { body: isChange ? (distorted ?? body.toString()) : body }),
      });
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    };
    forward().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    distort(body) {
      distorted = body;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
