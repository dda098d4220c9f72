/** /openapi.json, and the page that shows it. */
import swagger, { type SwaggerTransform } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import type { App } from './app.ts';

const OPENAPI_PATH = '/openapi.json';

const ABOUT = `What an operator or another service does to a fleet, and what it looks at. Everything is also a command of
\`miroir\`. Answers of a list are pages as Meilisearch has them: \`limit\`, \`from\`, \`next\`.`;

const ERROR = {
  description: 'Meilisearch’s four fields, and what to do next',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['message', 'code', 'type', 'link', 'next_steps'],
        properties: {
          message: { type: 'string' },
          code: { type: 'string' },
          type: { type: 'string', enum: ['invalid_request', 'auth', 'system', 'internal'] },
          link: { type: 'string' },
          next_steps: { type: 'array', items: { type: 'string' } },
        },
      },
      example: {
        message: 'there is no move p1-0',
        code: 'miroir_move_unknown',
        type: 'invalid_request',
        link: 'docs/errors.md',
        next_steps: ['miroir move list'],
      },
    },
  },
} as const;

/** What is the same for every route is said here: its key, and how it tells an error. */
const describeRoute: SwaggerTransform = (input) => {
  const { schema, url } = jsonSchemaTransform(input);
  const { scope } = input.route.config ?? {};
  if (schema.hide === true || scope === undefined || scope === 'public') return { schema, url };
  const key = `Needs a key with the scope \`${scope}\`.`;
  const description = schema.description === undefined ? key : `${schema.description} ${key}`;
  return {
    schema: {
      ...schema,
      description,
      security: [{ key: [] }],
      response: { ...(schema.response as object), default: ERROR },
    },
    url,
  };
};

export async function describeApi(app: App, docsPath: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Miroir rebalancer', version: '1', description: ABOUT, license: { name: 'MIT' } },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    },
    transform: describeRoute,
  });
  app.get(OPENAPI_PATH, { schema: { hide: true } }, async () => app.swagger());
  await app.register(swaggerUi, {
    routePrefix: docsPath,
    staticCSP: false,
    uiConfig: { url: OPENAPI_PATH, docExpansion: 'list', persistAuthorization: false },
  });
}
