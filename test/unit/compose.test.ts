// docker-compose.yml cannot be run in tests; it has to be what Compose takes, and what it names has to exist.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.ts';
import { ROOT, textOf } from '../docs/tables.ts';
import { type ComposeService, readCompose } from '../support/compose.ts';
import { promtool } from '../support/promtool.ts';

const { services, volumes } = readCompose();
const all = Object.entries(services);
const workerOf = ({ command = [] }: ComposeService): string | undefined =>
  /^dist\/(workers\/[a-z]+)\.js$/.exec(command[0] ?? '')?.[1];
const ours = all.filter(([, one]) => workerOf(one) !== undefined);
const dependenciesOf = ({ depends_on: on }: ComposeService): [string, string][] =>
  Array.isArray(on)
    ? on.map((name) => [name, 'service_started'])
    : Object.entries(on).map(([name, { condition }]) => [name, condition]);
const inProfile = (profile: string): string[] =>
  all.filter(([, { profiles = [] }]) => profiles.includes(profile)).map(([name]) => name);

describe('docker-compose.yml', () => {
  it('has the processes of a fleet, two workers and two observers among them', () => {
    expect(ours.map(([name]) => name)).toEqual(['planner', 'rebalancer', 'reconciler', 'gateway', 'api']);
    expect(services['rebalancer']?.deploy?.replicas).toBe(2);
    expect(services['reconciler']?.deploy?.replicas).toBe(2);
    expect(inProfile('observability')).toEqual(['prometheus', 'grafana']);
  });

  it('is refused with a key that Compose does not know, or a port for everybody', () => {
    const text = textOf('docker-compose.yml');
    expect(() => readCompose(text.replace('read_only: true', 'readonly: true'))).toThrow(/readonly/);
    expect(() => readCompose(text.replace("'127.0.0.1:3000:3000'", "'3000:3000'"))).toThrow(/ports/);
  });

  it.each(ours)(
    '%s starts a worker that exists, from our image, without rights that it does not need',
    (_name, one) => {
      expect(existsSync(join(ROOT, `${workerOf(one)}.ts`)), workerOf(one)).toBe(true);
      expect(one.build).toEqual({ context: '.', dockerfile: 'docs/deploy/Dockerfile' });
      expect(one).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        stop_grace_period: '10s',
      });
    },
  );

  it.each(['rebalancer', 'reconciler', 'gateway'])(
    '%s can be scaled: it has no port that only one can have',
    (name) => {
      const { ports } = services[name]!;
      expect(ports.filter((one) => !/^127\.0\.0\.1:(\d+)-(?!\1:)\d+:\d+$/.test(one))).toEqual([]);
    },
  );

  it.each([
    ['gateway', 'MIROIR_GATEWAY', '127.0.0.1:7700-7709:7700'],
    ['api', 'MIROIR_API', '127.0.0.1:7800:7800'],
  ])('%s is reached at its own port, and asks for keys', (name, variable, port) => {
    const { environment, volumes: mounted, ports } = services[name]!;
    const file = environment[`${variable}_KEYS_FILE`];
    expect(environment[`${variable}_HOST`]).toBe('0.0.0.0');
    expect(mounted).toEqual([`./${name}-keys.json:${file}:ro`]);
    expect(ports).toEqual([port]);
  });

  it.each(['n1', 'n2', 'n3'])('%s plans its batches for a part of the memory', (name) => {
    expect(services[name]?.environment['MEILI_MAX_INDEXING_MEMORY']).toBe('1GiB');
  });

  it('gives each process a configuration that it takes', () => {
    const environments = ours.map(([, { environment }]) => environment);
    for (const environment of environments) {
      const given = Object.entries(environment).map(([name, value]) => [
        name,
        value.startsWith('${') ? 'a-key-of-sixteen-characters' : value,
      ]);
      expect(loadConfig(Object.fromEntries(given))).toMatchObject({
        redisUrl: 'redis://redis:6379',
        metricsHost: '0.0.0.0',
      });
    }
  });

  it('mounts what is there', () => {
    const mounts = all.flatMap(([, one]) => one.volumes.map((mount) => mount.split(':')[0] ?? ''));
    const made = ['./gateway-keys.json', './api-keys.json']; // by hand, as its head says
    const missing = mounts.filter((from) =>
      from.startsWith('./') ? !made.includes(from) && !existsSync(join(ROOT, from)) : !(from in volumes),
    );
    expect(missing).toEqual([]);
    expect(Object.keys(volumes).filter((name) => !mounts.includes(name))).toEqual([]);
  });

  it('waits for services that there are, and for the health of those that tell it', () => {
    const wrong = all.flatMap(([, one]) =>
      dependenciesOf(one).filter(([other, condition]) => {
        const found = services[other];
        const tellsHealth = found?.healthcheck !== undefined;
        // What is started only with a profile must not hold up what is always started.
        const isThere = found?.profiles === undefined || found.profiles.join() === one.profiles?.join();
        return found === undefined || !isThere || (condition === 'service_healthy' && !tellsHealth);
      }),
    );
    expect(wrong).toEqual([]);
  });
});

describe('Prometheus and Grafana beside it', () => {
  it('scrape every process of ours where it serves its metrics', () => {
    const file = 'docs/deploy/prometheus/prometheus.yml';
    expect(promtool(['check', 'config', join(ROOT, file)])).toMatchObject({ code: 0 });
    const config = parse(textOf(file)) as {
      scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
    };
    expect(config.scrape_configs.map(({ job_name }) => job_name)).toEqual(['miroir']);
    expect(config.scrape_configs[0]?.dns_sd_configs).toMatchObject([
      { names: ours.map(([name]) => name), port: loadConfig({}).metricsPort },
    ]);
  });

  it('get their files', () => {
    const provisioned = 'docs/deploy/grafana/provisioning';
    const source = parse(textOf(`${provisioned}/datasources/prometheus.yml`)) as { datasources: object[] };
    expect(source.datasources).toMatchObject([{ type: 'prometheus', url: 'http://prometheus:9090', isDefault: true }]);
    const { providers } = parse(textOf(`${provisioned}/dashboards/miroir.yml`)) as {
      providers: { options: { path: string } }[];
    };
    const grafana = services['grafana']!;
    const home = grafana.environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? '';
    expect(providers.map(({ options }) => `${options.path}/miroir.json`)).toEqual([home]);
    expect(grafana.volumes).toContain(`./docs/deploy/grafana/miroir.json:${home}:ro`);
  });
});
