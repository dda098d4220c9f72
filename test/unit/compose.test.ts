// docker-compose.yml cannot be run in tests; what it names has to exist. That it is YAML is the formatter's to check.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';

const ROOT = join(import.meta.dirname, '../..');
const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');

/** The text of each service by its name. */
const services = new Map(
  text
    .slice(text.indexOf('\nservices:\n'), text.indexOf('\nvolumes:\n'))
    .split(/\n(?= {2}[a-z])/)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf(':')).trim(), part]),
);
const ours = [...services].filter(([, part]) => part.includes('command: [dist/workers/'));

describe('docker-compose.yml', () => {
  it('has the processes of a fleet', () => {
    expect(ours.map(([name]) => name)).toEqual(['planner', 'rebalancer', 'reconciler', 'gateway', 'api']);
  });

  it.each(ours)('%s starts a worker that exists, and says whether it is well', (_name, part) => {
    const worker = /command: \[dist\/(workers\/[a-z]+)\.js\]/.exec(part)?.[1];
    expect(existsSync(join(ROOT, `${worker}.ts`)), worker).toBe(true);
    expect(part).toContain('healthcheck:');
  });

  it.each(['rebalancer', 'reconciler', 'gateway'])(
    '%s can be scaled: no name and no port that only one can have',
    (name) => {
      const part = services.get(name) ?? '';
      expect(part).not.toContain('container_name');
      const published = [...part.matchAll(/^ +- '([\d.]+:[\d-]+:\d+)'$/gm)].map(([, port]) => port);
      expect(published.filter((port) => !/^127\.0\.0\.1:(\d+)-(?!\1:)\d+:\d+$/.test(port ?? ''))).toEqual([]);
      expect(part.includes('ports:')).toBe(published.length > 0);
    },
  );

  it('gives each process a configuration that it takes', () => {
    const environment = Object.fromEntries(
      [...text.matchAll(/^ +(MIROIR_[A-Z0-9_]+): (.*)$/gm)].map(([, name = '', value = '']) => [
        name,
        value.startsWith('${') ? 'a-key-of-sixteen-characters' : value,
      ]),
    );
    expect(Object.keys(environment)).toContain('MIROIR_GATEWAY_KEYS_FILE');
    expect(loadConfig(environment)).toMatchObject({ redisUrl: 'redis://redis:6379', gatewayHost: '0.0.0.0' });
  });

  it('mounts the file of keys where the gateway looks for it', () => {
    const gateway = services.get('gateway') ?? '';
    const [, path] = /MIROIR_GATEWAY_KEYS_FILE: (\S+)/.exec(gateway) ?? [];
    expect(gateway).toContain(`:${path}:ro`);
  });
});
