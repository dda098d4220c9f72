// The same with nothing but BullMQ: npm install bullmq ioredis
// Run: MIROIR_REDIS_URL=redis://127.0.0.1:6379 node plain-bullmq.mjs
import { Queue } from 'bullmq';

const queue = new Queue('topology-events', {
  // Without this prefix the event lands in a queue that nobody looks at.
  prefix: '{miroir}',
  connection: { url: process.env.MIROIR_REDIS_URL ?? 'redis://127.0.0.1:6379' },
});
// The job's name is the event, its data are flat fields.
const job = await queue.add('NodeAdded', {
  node_id: 'n4',
  url: process.env.NODE_URL ?? 'http://127.0.0.1:7704',
});
console.log(job.id);
await queue.close();
