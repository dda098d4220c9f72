/** /openapi.json, and the page that shows it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import type { App } from './app.ts';

const OPENAPI_PATH = '/openapi.json';

const ABOUT = `What an operator or another service does to a fleet, and what it looks at. Everything is also a command of
\`miroir\`. Answers of a list are pages as Meilisearch has them: \`limit\`, \`from\`, \`next\`.`;

export async function describeApi(app: App, docsPath: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Miroir rebalancer', version: '1', description: ABOUT, license: { name: 'MIT' } },
    },
    transform: jsonSchemaTransform,
  });
  app.get(OPENAPI_PATH, { schema: { hide: true } }, async () => app.swagger());
  await app.register(swaggerUi, {
    routePrefix: docsPath,
    staticCSP: false,
    uiConfig: { url: OPENAPI_PATH, docExpansion: 'list', persistAuthorization: false },
  });
}
