// The same over HTTP with the official client, unchanged: npm install meilisearch
// Run: GATEWAY_URL=http://127.0.0.1:7700 GATEWAY_KEY=… node gateway.mjs    (a gateway on loopback may have no keys)
import { Meilisearch } from 'meilisearch';

const client = new Meilisearch({
  host: process.env.GATEWAY_URL ?? 'http://127.0.0.1:7700',
  apiKey: process.env.GATEWAY_KEY ?? '',
});
const index = client.index('cities');
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
console.log(await index.getDocument(2));
