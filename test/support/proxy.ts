// A TCP proxy in front of a server. It can stop forwarding without closing anything, as a cut network does: nobody is
// told, and what was on its way arrives when the cut is over.
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Nothing passes any more, in either direction or only what the server answers. */
  cut(what?: 'everything' | 'answers'): void;
  /** What was held back passes now. */
  heal(): void;
  stop(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  let cut: 'nothing' | 'everything' | 'answers' = 'nothing';
  const apply = ({ client, server }: { client: Socket; server: Socket }): void => {
    if (cut === 'everything') client.pause();
    else client.resume();
    if (cut === 'nothing') server.resume();
    else server.pause();
  };
  const listener = createServer((client) => {
    const server = connect({ port: targetPort, host: '127.0.0.1' });
    const pair = { client, server };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk) => client.write(chunk));
    apply(pair);
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (listener.address() as AddressInfo).port,
    cut(what = 'everything') {
      cut = what;
      for (const pair of pairs) apply(pair);
    },
    heal() {
      cut = 'nothing';
      for (const pair of pairs) apply(pair);
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
