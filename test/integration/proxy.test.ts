// The proxy that stands between processes and Redis while things go wrong: each way of going wrong, seen from a client.
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TcpProxy, startProxy } from '../support/proxy.ts';
import { untilTrue } from '../support/until.ts';

let server: Server;
let proxy: TcpProxy;
/** What the server has got, and what the client. */
let asked = '';
let told = '';
let client: Socket;
let ended: string | null = null;

async function open(): Promise<void> {
  [told, ended] = ['', null];
  const one = connect({ port: proxy.port, host: '127.0.0.1' });
  client = one;
  // An older one may have its last word later.
  const note = (what: () => void) => {
    if (one === client) what();
  };
  one.on('data', (chunk) => note(() => (told += chunk.toString())));
  one.on('error', (error: NodeJS.ErrnoException) => note(() => (ended = error.code ?? 'an error')));
  one.on('close', () => note(() => (ended ??= 'closed')));
  await untilTrue(() => one.readyState === 'open');
}

/** Long enough for what passes to have passed. */
const settle = (): Promise<void> => sleep(50);

beforeEach(async () => {
  asked = '';
  // Says everything back.
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      asked += chunk.toString();
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  proxy = await startProxy((server.address() as AddressInfo).port);
  await open();
});
afterEach(async () => {
  client.destroy();
  await proxy.stop();
  server.close();
});

it.each([
  ['everything', '', ''],
  ['requests', '', ''],
  ['answers', 'b', ''],
] as const)('cuts %s without a word, and lets it pass afterwards', async (what, askedMeanwhile, toldMeanwhile) => {
  client.write('a');
  await untilTrue(() => told === 'a');
  proxy.cut(what);
  client.write('b');
  await settle();
  expect([asked, told]).toEqual([`a${askedMeanwhile}`, `a${toldMeanwhile}`]);
  expect(ended).toBeNull();
  proxy.heal();
  await untilTrue(() => told === 'ab');
});

it('lets answers pass that were on their way when requests are cut', async () => {
  proxy.cut('answers');
  client.write('a');
  await untilTrue(() => asked === 'a');
  expect(told).toBe('');
  proxy.cut('requests');
  await untilTrue(() => told === 'a');
});

it('resets every connection and lets new ones in', async () => {
  client.write('a');
  await untilTrue(() => told === 'a');
  proxy.reset();
  await untilTrue(() => ended !== null);
  expect(ended).toBe('ECONNRESET');
  await open();
  client.write('b');
  await untilTrue(() => told === 'b');
});

it('delays in order', async () => {
  proxy.delay(60);
  client.write('a');
  await untilTrue(() => asked === 'a');
  expect(told).toBe('');
  proxy.heal();
  // Behind what is late still: not before it.
  client.write('b');
  await untilTrue(() => told.length === 2);
  expect(told).toBe('ab');
});

it('ends in the middle of an answer', async () => {
  proxy.cutAfter(3);
  client.write('ab');
  await untilTrue(() => told === 'ab');
  client.write('cd');
  await untilTrue(() => ended !== null);
  expect(told.length).toBeLessThanOrEqual(4);
  proxy.heal();
  await open();
  client.write('abcdef');
  await untilTrue(() => told === 'abcdef');
});
