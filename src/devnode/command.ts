import { startDevNode, type DevNodeOptions } from './index.ts';

/** Runs a node until SIGTERM or SIGINT; prints `{"url":"…"}` when it listens. */
export async function runDevNode(options: DevNodeOptions): Promise<void> {
  const node = await startDevNode(options);
  process.stdout.write(`${JSON.stringify({ url: node.url })}\n`);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  await node.close();
}
