// A gateway in front of one development node, and requests as exact as a test needs them.
import { request } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type DevNode, type DevNodeOptions, startDevNode } from '../../src/devnode/index.ts';
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway/server.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { type Metrics, createMetrics } from '../../src/telemetry/metrics.ts';
import { type OneNodeRouter, oneNodeRouter } from './one-node-router.ts';

export interface GatewayScene {
  readonly node: DevNode;
  readonly router: OneNodeRouter;
  readonly gateway: Gateway;
  readonly metrics: Metrics;
  /** Lines of the gateway's log. */
  readonly log: readonly string[];
  close(): Promise<void>;
}

export async function startScene(
  options: Partial<GatewayOptions> = {},
  nodeOptions: DevNodeOptions = {},
): Promise<GatewayScene> {
  const node = await startDevNode({ batchMs: 0, docsPerS: 0, switches: true, ...nodeOptions });
  const router = oneNodeRouter({ url: node.url });
  const metrics = createMetrics({ withProcess: false });
  const log: string[] = [];
  const closeNode = async (): Promise<void> => {
    metrics.close();
    await node.close();
  };
  const gateway = await startGateway({
    router,
    host: '127.0.0.1',
    port: 0,
    keysFile: '',
    bodyMaxBytes: 100_000_000,
    waitingMaxBytes: 200_000_000,
    inFlightMax: 1_000,
    connectionsMax: 1_000,
    metrics,
    logger: createLogger({ level: 'debug', role: 'gateway', destination: { write: (line) => log.push(line) } }),
    ...options,
  }).catch(async (error: unknown) => {
    await closeNode();
    throw error;
  });
  return {
    node,
    router,
    gateway,
    metrics,
    log,
    async close() {
      await gateway.close();
      await closeNode();
    },
  };
}

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Buffer;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
}

/** One request on a connection of its own, with exactly these headers. */
export function ask(url: string, { method = 'GET', path, headers = {}, body }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length =
      body === undefined || 'transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(body) };
    const sent = request(url + path, { method, agent: false, headers: { ...length, ...headers } });
    sent.on('error', reject);
    sent.on('response', (response) => {
      buffer(response).then((bytes) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, text: bytes.toString('utf8') });
      }, reject);
    });
    sent.end(body);
  });
}

export const JSON_TYPE = { 'content-type': 'application/json' } as const;

export const asJson = (value: unknown, method = 'POST'): Pick<Asked, 'method' | 'headers' | 'body'> => ({
  method,
  headers: JSON_TYPE,
  body: JSON.stringify(value),
});

export const codeIn = ({ text }: Answered): string | undefined =>
  text === '' ? undefined : (JSON.parse(text) as { code?: string }).code;

/** Waits for a task of the node, as a client would. */
export async function taskEnded(url: string, uid: number, headers: Asked['headers'] = {}): Promise<string> {
  for (;;) {
    const { status } = JSON.parse((await ask(url, { path: `/tasks/${uid}`, headers })).text) as { status: string };
    if (status !== 'enqueued' && status !== 'processing') return status;
  }
}

/** Sends these pieces as they are and gives everything that comes back until the connection ends. */
export function rawExchange(
  url: string,
  pieces: readonly (string | Buffer)[],
  then: 'end' | 'stay' = 'end',
): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    let text = '';
    socket.on('data', (piece: Buffer) => (text += piece.toString('utf8')));
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(text) : reject(error)));
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text));
    for (const piece of pieces) socket.write(piece);
    if (then === 'end') socket.end();
  });
}
