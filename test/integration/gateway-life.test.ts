// The life of a gateway: deadlines, clients that go away, too many at once, its figures, its end.
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { GatewayPortError } from '../../src/errors.ts';
import { ask, asJson, codeIn, type GatewayScene, JSON_TYPE, rawExchange, startScene } from '../support/gateway.ts';
import { untilTrue } from '../support/until.ts';

const scenes: GatewayScene[] = [];
async function start(...options: Parameters<typeof startScene>): Promise<GatewayScene> {
  const scene = await startScene(...options);
  scenes.push(scene);
  return scene;
}
afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.close();
});

const inFlight = async ({ metrics }: GatewayScene): Promise<number> =>
  (await metrics.gatewayInFlight.get()).values[0]?.value ?? 0;

const SLOW = { do: 'delay', ms: 60_000, match: { path: '/stats' } } as const;
const STATS = { path: '/stats' };

describe('a client that goes away', () => {
  it('ends its call at the router', async () => {
    const scene = await start();
    scene.node.addFault(SLOW);
    const sent = request(`${scene.gateway.url}/stats`);
    sent.on('error', () => undefined);
    sent.end();
    await untilTrue(async () => (await inFlight(scene)) === 1);
    sent.destroy();
    await untilTrue(async () => (await inFlight(scene)) === 0);
    expect(scene.router.aborted).toBe(1);
    const { values } = await scene.metrics.gatewayRequests.get();
    expect(values.map(({ labels, value }) => [labels.route, labels.status, value])).toEqual([['GET /stats', '499', 1]]);
    expect(scene.log).toEqual([]);
  });

  it('while it sends its body leaves nothing behind', async () => {
    const scene = await start();
    const head =
      'POST /indexes/a/documents HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n[';
    const socket = connect(Number(new URL(scene.gateway.url).port), '127.0.0.1', () => socket.write(head));
    await untilTrue(async () => (await inFlight(scene)) === 1);
    socket.destroy();
    await untilTrue(async () => (await inFlight(scene)) === 0);
    expect((await scene.metrics.gatewayHeldBytes.get()).values[0]?.value).toBe(0);
    expect(scene.log).toEqual([]);
  });
});

describe('deadlines', () => {
  it('a router that does not answer: 503 with a code, and its call is ended', async () => {
    const scene = await start({ timings: { callMs: 100 } });
    scene.node.addFault(SLOW);
    const answer = await ask(scene.gateway.url, STATS);
    expect([answer.status, codeIn(answer), answer.headers['retry-after']]).toEqual([503, 'miroir_timeout', '1']);
    expect(scene.router.aborted).toBe(1);
  });

  it('a slow body has its own: it does not count as the router’s time', async () => {
    const scene = await start({ timings: { callMs: 200, stallMs: 5_000 } });
    const answer = await new Promise<number>((resolve, reject) => {
      const sent = request(
        `${scene.gateway.url}/indexes/a/documents`,
        { method: 'POST', headers: JSON_TYPE },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      sent.on('error', reject);
      sent.write('[{"id":');
      setTimeout(() => sent.end('1}]'), 600);
    });
    expect(answer).toBe(202);
  });

  it('a body that comes in forever, though never stalling', async () => {
    const scene = await start({ timings: { bodyMs: 1_000, headersMs: 500, stallMs: 60_000 } });
    const sent = request(`${scene.gateway.url}/indexes/a/documents`, { method: 'POST', headers: JSON_TYPE });
    const drip = setInterval(() => sent.write(' '), 20);
    const ended = await new Promise<string>((resolve) => {
      sent.on('response', (response) => resolve(String(response.statusCode)));
      sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    });
    clearInterval(drip);
    sent.destroy();
    expect(['408', 'ECONNRESET', 'EPIPE']).toContain(ended);
    await untilTrue(async () => (await inFlight(scene)) === 0);
  });

  it('a connection without a request is closed', async () => {
    const scene = await start({ timings: { keepAliveMs: 50, headersMs: 300 } });
    const after = await rawExchange(scene.gateway.url, ['GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n'], 'stay');
    expect(after).toContain('HTTP/1.1 200');
  });
});

describe('a connection that is kept', () => {
  it('serves the next request after one that was refused with its body on the way', async () => {
    const scene = await start({ bodyMaxBytes: 2_000, waitingMaxBytes: 2_000 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    const send = (path: string, body: Buffer): Promise<number> =>
      new Promise((resolve, reject) => {
        const headers = { ...JSON_TYPE, 'transfer-encoding': 'chunked' };
        const sent = request(scene.gateway.url + path, { method: 'POST', agent, headers }, (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        });
        sent.on('socket', (socket) => sockets.add(socket));
        sent.on('error', reject);
        sent.end(body);
      });
    const codes: number[] = [];
    for (const bytes of [3_000_000, 10, 3_000_000, 10]) {
      codes.push(await send('/indexes/a/documents', Buffer.concat([Buffer.from('[]'), Buffer.alloc(bytes - 2, 0x20)])));
    }
    agent.destroy();
    expect(codes).toEqual([413, 202, 413, 202]);
    expect(sockets.size).toBe(1);
  });

  it('is not one that goes on sending what was refused', async () => {
    const scene = await start({ bodyMaxBytes: 2_000, waitingMaxBytes: 2_000, timings: { discardMs: 100 } });
    const socket = connect(Number(new URL(scene.gateway.url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (piece: Buffer) => (text += piece.toString()));
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(
      'POST /indexes/a/documents HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9999999\r\n\r\n',
    );
    const drip = setInterval(() => socket.write(' '.repeat(1_000)), 5);
    await closed;
    clearInterval(drip);
    expect(text).toContain('HTTP/1.1 413');
  });
});

describe('too many at once', () => {
  it('requests: 503 with Retry-After, but its health can be asked', async () => {
    const scene = await start({ inFlightMax: 2 });
    scene.node.addFault({ ...SLOW, ms: 500, times: 2 });
    const held = [ask(scene.gateway.url, STATS), ask(scene.gateway.url, STATS)];
    await untilTrue(async () => (await inFlight(scene)) === 2);
    const refused = await ask(scene.gateway.url, STATS);
    expect([refused.status, codeIn(refused), refused.headers['retry-after']]).toEqual([503, 'miroir_overloaded', '1']);
    expect((await ask(scene.gateway.url, { path: '/health' })).status).toBe(200);
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await ask(scene.gateway.url, STATS)).status).toBe(200);
  });

  it('connections: those beyond are closed, those within are served', async () => {
    const scene = await start({ connectionsMax: 2 });
    const port = Number(new URL(scene.gateway.url).port);
    const open = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all(open.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    await untilTrue(async () =>
      ask(scene.gateway.url, { path: '/health' }).then(
        () => false,
        () => true,
      ),
    );
    for (const socket of open) socket.destroy();
    let status = 0;
    await untilTrue(async () => {
      status = await ask(scene.gateway.url, { path: '/health' }).then(
        (answer) => answer.status,
        () => 0,
      );
      return status !== 0;
    });
    expect(status).toBe(200);
  });
});

describe('its figures', () => {
  it('count requests by route and status, bytes and time', async () => {
    const scene = await start();
    await ask(scene.gateway.url, { path: '/indexes/a/documents', ...asJson([{ id: 1 }]) });
    for (const id of ['1', '2', 'x']) await ask(scene.gateway.url, { path: `/indexes/none/documents/${id}` });
    await ask(scene.gateway.url, { path: '/wp-login.php' });
    const lines = (): Promise<string[]> =>
      scene.metrics.scrape().then((text) => text.split('\n').filter((line) => line.startsWith('miroir_gateway')));
    // Counted when the connection has it.
    await untilTrue(async () => (await lines()).includes('miroir_gateway_requests_total{route="none",status="404"} 1'));
    const found = await lines();
    expect(found).toContain('miroir_gateway_requests_total{route="POST /indexes/:uid/documents",status="202"} 1');
    expect(found).toContain('miroir_gateway_requests_total{route="GET /indexes/:uid/documents/:id",status="404"} 3');
    expect(found).toContain('miroir_gateway_request_seconds_count{route="GET /indexes/:uid/documents/:id"} 3');
    expect(found).toContain('miroir_gateway_received_bytes_total 10');
    expect(found).toContain('miroir_gateway_in_flight 0');
    expect(found.join('\n')).not.toContain('wp-login');
  });
});

describe('its end', () => {
  it('lets what is under way end, refuses what comes then, and closes the router', async () => {
    const scene = await start();
    scene.node.addFault({ ...SLOW, ms: 400, times: 1 });
    const agent = new Agent({ keepAlive: true });
    const held = ask(scene.gateway.url, STATS);
    await untilTrue(async () => (await inFlight(scene)) === 1);
    let isClosed = false;
    const closing = scene.gateway.close().then(() => (isClosed = true));
    await expect(ask(scene.gateway.url, { path: '/health' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(scene.router.isClosed).toBe(false);
    expect((await held).status).toBe(200);
    await closing;
    agent.destroy();
    expect([isClosed, scene.router.isClosed]).toEqual([true, true]);
  });

  it('does not wait for ever: calls are ended with a code', async () => {
    const scene = await start({ timings: { drainMs: 100 } });
    scene.node.addFault(SLOW);
    const held = ask(scene.gateway.url, STATS);
    await untilTrue(async () => (await inFlight(scene)) === 1);
    await scene.gateway.close();
    expect([(await held).status, codeIn(await held)]).toEqual([503, 'miroir_overloaded']);
    expect(scene.router.aborted).toBe(1);
  });

  it('does not wait for a client that sends no more', async () => {
    const scene = await start({ timings: { drainMs: 100 } });
    const head =
      'POST /indexes/a/documents HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n[';
    const exchange = rawExchange(scene.gateway.url, [head], 'stay');
    await untilTrue(async () => (await inFlight(scene)) === 1);
    await scene.gateway.close();
    expect(await exchange).toContain('HTTP/1.1 503');
  });

  it('a router that serves nothing makes it unhealthy', async () => {
    const scene = await start();
    await scene.router.close();
    const answer = await ask(scene.gateway.url, { path: '/health' });
    expect([answer.status, codeIn(answer)]).toEqual([503, 'miroir_router_unconfirmed']);
  });

  it('a taken port is said by name', async () => {
    const scene = await start();
    const port = Number(new URL(scene.gateway.url).port);
    const second = startScene({ port });
    await expect(second).rejects.toThrow(GatewayPortError);
    await expect(second).rejects.toMatchObject({
      field: 'gateway_port',
      remedy: expect.stringContaining('MIROIR_GATEWAY_PORT') as string,
    });
  });
});
