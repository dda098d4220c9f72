// Write, read and search with a router in your own process: npm install miroir-rebalancer
// Run: MIROIR_REDIS_URL=redis://127.0.0.1:6379 node router.mjs
import { createRouter } from 'miroir-rebalancer';

// Where the official package has `new Meilisearch({ host })`; everything below is as there.
const miroir = createRouter({ redis: process.env.MIROIR_REDIS_URL ?? 'redis://127.0.0.1:6379' });
const index = miroir.index('cities');
try {
  // Shards may move meanwhile: an acknowledged write is not lost, and a task has succeeded when every read shows it.
  await index
    .addDocuments([
      { cityId: 1, name: 'Lisbon', country: 'PT' },
      { cityId: 2, name: 'Lille', country: 'FR' },
      { cityId: 3, name: 'Lima', country: 'PE' },
    ])
    .waitTask();
  await index.updateDocuments([{ cityId: 2, population: 236_710 }]).waitTask();
  await index.deleteDocument(3).waitTask();

  const { hits } = await index.search('li', { limit: 10 });
  console.log(hits.map(({ name }) => name).join(', '));
  console.log(await index.getDocument(2, { signal: AbortSignal.timeout(5_000) }));
} finally {
  // Lets what is in flight end, and leaves the registry, so that nobody waits for this router.
  await miroir.close();
}
