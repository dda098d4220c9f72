// Tell the rebalancer about a new node with its library: npm install miroir-rebalancer
// Run: MIROIR_REDIS_URL=redis://127.0.0.1:6379 node library.mjs
import { createProducer } from 'miroir-rebalancer';

const producer = createProducer({ redis: process.env.MIROIR_REDIS_URL ?? 'redis://127.0.0.1:6379' });
try {
  // Checked before it is sent; fails at once when Redis is gone, and with a time to retry when nobody takes events.
  const { jobId } = await producer.nodeAdded({ nodeId: 'n4', url: process.env.NODE_URL ?? 'http://127.0.0.1:7704' });
  console.log(jobId);
  // To see what was planned, or why it was refused: await producer.result(jobId)
} finally {
  await producer.close();
}
