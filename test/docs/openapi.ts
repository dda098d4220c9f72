// The control API's own description of itself, without a Redis: routes ask for one only when they are asked.
import type { ApiParts } from '../../src/api/parts.ts';
import { startApi } from '../../src/api/server.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
}

interface Content {
  readonly schema?: Schema;
  readonly example?: unknown;
}

export interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, Content>> };
  readonly responses?: Readonly<
    Record<string, { readonly description?: string; readonly content?: Readonly<Record<string, Content>> }>
  >;
}

export interface OpenApi {
  readonly info: { readonly title: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export async function openApi(): Promise<OpenApi> {
  const logger = createLogger({ level: 'silent', role: 'docs' });
  const metrics = createMetrics();
  const api = await startApi({
    host: '127.0.0.1',
    port: 0,
    keysFile: '',
    requestsPerMinute: 1_000,
    environment: '',
    queues: () => Promise.resolve([]),
    control: {} as ApiParts,
    probes: { metrics, logger },
    logger,
  });
  try {
    return (await (await fetch(`${api.url}/openapi.json`)).json()) as OpenApi;
  } finally {
    await api.close();
    metrics.close();
  }
}
