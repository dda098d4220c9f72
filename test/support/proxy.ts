// A TCP proxy in front of a server. It can stop forwarding without closing anything, as a cut network does: nobody is
// told, and what was on its way arrives when the cut is over. It can also delay, reset, and end in the middle of an answer.
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Nothing passes any more: in either direction, or only what the server answers, or only what clients ask. */
  cut(what?: 'everything' | 'answers' | 'requests'): void;
  /** What was held back passes now; nothing is delayed any more, and nobody is cut after some bytes. */
  heal(): void;
  /** Every connection ends by a reset; new ones are let in. */
  reset(): void;
  /** Everything arrives this much later, in its order. */
  delay(ms: number): void;
  /** Each connection is reset after this many more bytes of answers. */
  cutAfter(bytes: number): void;
  stop(): Promise<void>;
}

/** Hands chunks on in their order, each `delayMs` after it came. */
function forward(from: Socket, to: Socket, passes: (chunk: Buffer) => { afterMs: number; isLast: boolean }): void {
  let last: Promise<void> = Promise.resolve();
  let isDelayed = false;
  from.on('data', (chunk: Buffer) => {
    const { afterMs, isLast } = passes(chunk);
    const hand = (): void => {
      if (!to.destroyed) to.write(chunk);
      if (isLast) for (const socket of [from, to]) socket.resetAndDestroy();
    };
    // Once something waits, everything behind it does.
    if (afterMs === 0 && !isDelayed) return hand();
    isDelayed = true;
    const due = new Promise<void>((resolve) => {
      setTimeout(resolve, afterMs);
    });
    const turn = last.then(() => due).then(hand);
    last = turn;
    void turn.then(() => {
      if (last === turn) isDelayed = false;
    });
  });
}

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket; left: number }>();
  let cut: 'nothing' | 'everything' | 'answers' | 'requests' = 'nothing';
  let delayMs = 0;
  let bytesLeft = Infinity;
  const apply = ({ client, server }: { client: Socket; server: Socket }): void => {
    if (cut === 'everything' || cut === 'requests') client.pause();
    else client.resume();
    if (cut === 'everything' || cut === 'answers') server.pause();
    else server.resume();
  };
  const listener = createServer((client) => {
    const server = connect({ port: targetPort, host: '127.0.0.1' });
    const pair = { client, server, left: bytesLeft };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    forward(client, server, () => ({ afterMs: delayMs, isLast: false }));
    forward(server, client, ({ length }) => {
      pair.left -= length;
      return { afterMs: delayMs, isLast: pair.left <= 0 };
    });
    apply(pair);
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  const applyAll = (): void => {
    for (const pair of pairs) apply(pair);
  };
  return {
    port: (listener.address() as AddressInfo).port,
    cut(what = 'everything') {
      cut = what;
      applyAll();
    },
    heal() {
      cut = 'nothing';
      delayMs = 0;
      bytesLeft = Infinity;
      for (const pair of pairs) pair.left = Infinity;
      applyAll();
    },
    reset() {
      for (const { client, server } of pairs) {
        client.resetAndDestroy();
        server.destroy();
      }
    },
    delay(ms) {
      delayMs = ms;
    },
    cutAfter(bytes) {
      bytesLeft = bytes;
      for (const pair of pairs) pair.left = bytes;
    },
    async stop() {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      await new Promise<void>((resolve) => {
        listener.close(() => resolve());
      });
    },
  };
}
