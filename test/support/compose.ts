// docker-compose.yml as data, held against the part of the Compose specification that it uses: there is no engine in tests
// that would say what is wrong with it. What is not named here is refused, so a slip of the pen is, too.
import { parse } from 'yaml';
import { z } from 'zod';
import { textOf } from '../docs/tables.ts';

const duration = z.string().regex(/^\d+(?:ms|s|m|h)$/);
const names = z.array(z.string().regex(/^[a-z][a-z\d-]*$/));
/** Nothing is published beyond the loopback of the host. */
const port = z.string().regex(/^127\.0\.0\.1:\d+(?:-\d+)?:\d+$/);
/** A named volume or a path of this repository, where it goes, and whether only to be read. */
const mount = z.string().regex(/^(?:[a-z]\w*|\.\/[\w./-]+):\/[\w./-]+(?::ro)?$/);

const probe = z.strictObject({
  test: z.tuple([z.enum(['CMD', 'CMD-SHELL'])], z.string()),
  interval: duration,
  timeout: duration,
  retries: z.int(),
  start_period: duration.optional(),
});

const service = z.strictObject({
  image: z.string().regex(/^[\w./-]+:[\w.-]+$/),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  profiles: names.optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string().regex(/^[A-Z][A-Z\d_]*$/), z.string()).default({}),
  restart: z.literal('unless-stopped'),
  init: z.boolean().optional(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.literal('ALL')).default([]),
  security_opt: z.array(z.literal('no-new-privileges:true')).default([]),
  stop_grace_period: duration.optional(),
  depends_on: z
    .union([names, z.record(z.string(), z.strictObject({ condition: z.enum(['service_healthy', 'service_started']) }))])
    .default([]),
  healthcheck: probe.optional(),
  volumes: z.array(mount).default([]),
  ports: z.array(port).default([]),
  deploy: z.strictObject({ replicas: z.int().positive() }).optional(),
});

const file = z.strictObject({
  name: z.literal('miroir'),
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
});

export type ComposeService = z.infer<typeof service>;

/** Merged as Compose merges, without the parts that are only there to be merged. */
export function readCompose(text = textOf('docker-compose.yml')): z.infer<typeof file> {
  const whole = parse(text, { merge: true }) as Record<string, unknown>;
  return file.parse(Object.fromEntries(Object.entries(whole).filter(([name]) => !name.startsWith('x-'))));
}
