import { createServer } from 'node:net';

/** A loopback port that nobody listens on now; by the time it is used somebody may, so callers must bear that. */
export const freePort = (): Promise<number> => tryPort(0);

/** The port if nobody listens on it now, else any free one. */
export async function portOrFree(wanted: number): Promise<number> {
  try {
    return await tryPort(wanted);
  } catch {
    return freePort(); // taken, or not ours to listen on: both mean another one
  }
}

function tryPort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('the system gave no port number'));
        else resolve(address.port);
      });
    });
  });
}
