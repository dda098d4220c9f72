import { createServer } from 'node:net';

/** A loopback port that nobody listens on now; by the time it is used somebody may, so callers must bear that. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('the system gave no port number'));
        else resolve(address.port);
      });
    });
  });
}
