// The image cannot be built in tests. Its instructions are read, what it copies has to be there, and its health check runs.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { type MetricsServer, startMetricsServer } from '../../../src/telemetry/metrics-server.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { ROOT, textOf } from '../../docs/tables.ts';

interface Instruction {
  readonly name: string;
  readonly text: string;
}

const instructions: Instruction[] = textOf('docs/deploy/Dockerfile')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, name = '', text = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    return { name, text };
  });
const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
const inLast = (name: string): string[] => lastStage.filter((one) => one.name === name).map(({ text }) => text);
const words = (text: string): string[] => text.split(/\s+/);

/** What .dockerignore lets into the build: it shuts everything out and names exceptions. */
const letIn = textOf('.dockerignore')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

describe('docs/deploy/Dockerfile', () => {
  it('has instructions that there are, and nothing fetched by hand', () => {
    const known = [
      'ARG',
      'FROM',
      'WORKDIR',
      'COPY',
      'RUN',
      'LABEL',
      'ENV',
      'USER',
      'EXPOSE',
      'HEALTHCHECK',
      'ENTRYPOINT',
      'CMD',
    ];
    expect(instructions.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
    const ran = instructions.filter(({ name }) => name === 'RUN').map(({ text }) => text);
    expect(ran.filter((text) => !/^npm (?:ci|run build)\b/.test(text))).toEqual([]);
  });

  it('copies what is there and what .dockerignore lets in, or what a stage before has', () => {
    const stages = instructions.flatMap(({ name, text }) => (name === 'FROM' ? [/ AS (\w+)$/.exec(text)?.[1]] : []));
    const wrong = instructions
      .filter(({ name }) => name === 'COPY')
      .flatMap(({ text }) => {
        const [first = '', ...rest] = words(text);
        if (first.startsWith('--from=')) return stages.includes(first.slice('--from='.length)) ? [] : [first];
        return [first, ...rest.slice(0, -1)].filter(
          (path) => !existsSync(join(ROOT, path)) || !letIn.some((one) => path === one || path.startsWith(`${one}/`)),
        );
      });
    expect(wrong).toEqual([]);
  });

  it('ends in a stage of a user without rights, that has the code and runs nothing to make it', () => {
    expect(inLast('USER')).toEqual(['node']);
    expect(inLast('RUN')).toEqual([]);
    expect(inLast('COPY').map((text) => words(text).at(-1))).toEqual(
      expect.arrayContaining(['./', './node_modules', './dist', './src/cli/bin.mjs']),
    );
    expect(inLast('ENTRYPOINT')).toEqual(['["node"]']);
  });
});

describe('its health check', () => {
  const [, command = '[]'] = /CMD (\[.*\])$/.exec(inLast('HEALTHCHECK')[0] ?? '') ?? [];
  const [program = '', ...args] = JSON.parse(command) as string[];
  const metrics = createMetrics({ withProcess: false });
  const state: { readiness: true | string } = { readiness: true };
  let server: MetricsServer | null = null;

  beforeAll(async () => {
    const logger = createLogger({ level: 'silent', role: 'test' });
    server = await startMetricsServer({
      host: '127.0.0.1',
      port: 0,
      metrics,
      logger,
      readiness: () => state.readiness,
    });
  });
  afterAll(async () => {
    await server?.close();
    metrics.close();
  });

  const exitCode = (port: number): Promise<number> =>
    new Promise((resolve) => {
      const child = execFile(program, args, { env: { ...process.env, MIROIR_METRICS_PORT: String(port) } });
      child.on('exit', (code) => resolve(code ?? -1));
    });

  it('is well while the process is ready, and not without Redis or without the process', async () => {
    const port = server?.port ?? 0;
    expect(await exitCode(port)).toBe(0);
    state.readiness = 'redis is reconnecting';
    expect(await exitCode(port)).toBe(1);
    await server?.close();
    expect(await exitCode(port)).toBe(1);
  });
});
