// The least that anything between a client and a node adds: a server of Node's own that hands each request on and its
// answer back, and for a write waits for one answer of Redis, as whoever keeps clients' tasks has to. No shards, no keys,
// no limits. Ends with its parent.
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { Agent } from 'undici';

const [target = '', redisUrl = ''] = process.argv.slice(2);
const agent = new Agent({ connections: 64, pipelining: 1 });
const redis = new Redis(redisUrl);
const JSON_TYPE = { 'content-type': 'application/json' };

async function pass(method: string, path: string, body: Buffer): Promise<{ status: number; answer: Buffer }> {
  const sent = { origin: target, method: method as 'POST', path, headers: JSON_TYPE, body };
  const { statusCode, body: answer } = await agent.request(sent);
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (path.includes('/documents')) await redis.set('bare-proxy', bytes);
  return { status: statusCode, answer: bytes };
}

const server = createServer((request, response) => {
  const { method = 'GET', url = '/' } = request;
  buffer(request)
    .then((body) => pass(method, url, body))
    .then(({ status, answer }) => {
      response.writeHead(status, { ...JSON_TYPE, 'content-length': answer.length }).end(answer);
    })
    .catch((error: unknown) => response.writeHead(502).end(String(error)));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.(typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '');
});
process.on('disconnect', () => process.exit(0));
