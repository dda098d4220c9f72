import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { LeaseLostError } from '../../../src/errors.ts';
import { ACCEPTED, clientOf, eventually, failure, free, json, serve } from './wire.ts';
import type { Respond } from './wire.ts';

describe('the permit', () => {
  const lost = (): never => {
    throw new LeaseLostError('lapsed');
  };

  it('that refuses lets nothing be sent', async () => {
    const { url, seen } = await serve((response) => json(response, 202, ACCEPTED));
    const client = clientOf(url, { ...free(), budgetMs: lost });
    expect(await failure(client.putDocuments('cities', 'id', '[]', 't'))).toBeInstanceOf(LeaseLostError);
    expect(await failure(client.count('cities'))).toBeInstanceOf(LeaseLostError);
    expect(seen).toHaveLength(0);
  });

  it('that ends between the hand-over and the connection lets nothing be sent', async () => {
    const { url, seen } = await serve((response) => json(response, 202, ACCEPTED));
    let asked = 0;
    const client = clientOf(url, { ...free(), budgetMs: () => (++asked === 1 ? 2_000 : lost()) });
    expect(await failure(client.putDocuments('cities', 'id', '[]', 't'))).toBeInstanceOf(LeaseLostError);
    await systemClock.sleep(50);
    expect(asked).toBe(2);
    expect(seen).toHaveLength(0);
  });

  it('that is aborted already lets nothing be sent', async () => {
    const { url, seen } = await serve((response) => json(response, 202, ACCEPTED));
    const permit = free();
    permit.stop(new LeaseLostError('lapsed'));
    const error = await failure(clientOf(url, permit).putDocuments('cities', 'id', '[]', 't'));
    expect(error).toMatchObject({ code: 'miroir_lease_lost', details: { ambiguous: false } });
    expect(seen).toHaveLength(0);
  });

  it('that is aborted while a body arrives ends the call at once', async () => {
    const { url } = await serve((response) => void response.writeHead(200).write('{"results":['));
    const permit = free(10_000);
    const call = failure(clientOf(url, permit).page('cities', { limit: 1, maxBytes: 1_000 }));
    await systemClock.sleep(100);
    const stoppedMs = performance.now();
    permit.stop(new LeaseLostError('lapsed'));
    expect(await call).toBeInstanceOf(LeaseLostError);
    // Else it would be the permit's ten seconds.
    expect(performance.now() - stoppedMs).toBeLessThan(5_000);
  });

  it('that is aborted while a write is under way says that its outcome is unknown', async () => {
    const { url, seen } = await serve(() => undefined);
    const permit = free(10_000);
    const call = failure(clientOf(url, permit).putDocuments('cities', 'id', '[]', 't'));
    await eventually(() => seen.length === 1);
    permit.stop(new LeaseLostError('lapsed'));
    expect(await call).toMatchObject({ code: 'miroir_lease_lost', details: { ambiguous: true } });
  });

  it('that is aborted while a retry waits ends the wait', async () => {
    const { url, seen } = await serve((response) => json(response, 503, '', { 'retry-after': '1' }));
    const permit = free();
    const call = failure(clientOf(url, permit).count('cities'));
    await eventually(() => seen.length === 1);
    await systemClock.sleep(20);
    permit.stop(new LeaseLostError('lapsed'));
    expect(await call).toBeInstanceOf(LeaseLostError);
    expect(seen).toHaveLength(1);
  });

  it.each<[string, Respond]>([
    ['no answer', () => undefined],
    ['a body that trickles', (response) => trickle(response)],
  ])('bounds a request with %s by its budget', async (_, respond) => {
    const { url } = await serve(respond);
    const startedMs = performance.now();
    const error = await failure(clientOf(url, free(300)).count('cities'));
    expect(error).toMatchObject({ code: 'miroir_node_unreachable', details: { reason: 'timeout' } });
    expect(performance.now() - startedMs).toBeLessThan(1_500);
  });
});

function trickle(response: ServerResponse): void {
  response.writeHead(200);
  const timer = setInterval(() => response.write(' '), 50);
  response.once('close', () => clearInterval(timer));
}
