import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, LINES_MAX, unitOf, violations } from '../support/architecture.ts';

const ROOT = join(import.meta.dirname, '../..');

function projectFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const top of ['src', 'workers', 'test']) {
    if (!existsSync(join(ROOT, top))) continue;
    for (const entry of readdirSync(join(ROOT, top), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(?:tsx?|mts|mjs|lua)$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      const name = relative(ROOT, path).replaceAll('\\', '/');
      // Of tests only the names count here: they may import anything and tell long stories.
      files.set(name, top === 'test' ? '' : readFileSync(path, 'utf8'));
    }
  }
  return files;
}

const planted = (path: string, source: string): string[] => violations(new Map([[path, source]]));

describe('the dependency table', () => {
  it('holds for every file', () => {
    const files = projectFiles();
    expect(files.size).toBeGreaterThan(5);
    expect(violations(files)).toEqual([]);
  });

  it.each([
    ['src/core/a.ts', "import { x } from '../ports.ts';", /core must not import src\/ports\.ts/],
    ['src/core/a.ts', "import type { X } from '../ports.ts';", /core must not import/],
    ['src/core/a.ts', "import { readFileSync } from 'node:fs';", /core must not import node:fs/],
    ['src/core/a.ts', "import pLimit from 'p-limit';", /core must not import p-limit/],
    ['src/errors.ts', "import { z } from 'zod';", /errors must not import zod/],
    ['src/config.ts', "import { x } from './core/move.ts';", /config must not import/],
    ['src/ports.ts', "import { advance } from './core/move.ts';", /ports may import only types/],
    ['src/ports.ts', "export { advance } from './core/move.ts';", /ports may import only types/],
    ['src/phases/copy.ts', "import { x } from '../redis/keys.ts';", /phases must not import/],
    ['src/redis/a.ts', "import { x } from '../queue/names.ts';", /redis must not import/],
    ['src/queue/a.ts', "import { x } from '../nodes/client.ts';", /queue must not import/],
    ['src/nodes/a.ts', "import { x } from '../telemetry/log.ts';", /nodes must not import/],
    ['src/telemetry/a.ts', "import { x } from '../redis/keys.ts';", /telemetry must not import/],
    ['src/redis/a.ts', "import { Queue } from 'bullmq';", /bullmq belongs to queue/],
    ['src/service.ts', "import { Queue } from 'bullmq';", /bullmq belongs to queue/],
    ['src/queue/a.ts', "import { x } from '@bull-board/api/bullMQAdapter';", /@bull-board\/api belongs to api/],
    ['src/phases/a.ts', "import { request } from 'undici';", /undici belongs to nodes/],
    ['src/devnode/a.ts', "import { request } from 'undici';", /devnode must not import undici/],
    ['src/control/a.ts', "import { Redis } from 'ioredis';", /ioredis belongs to redis and queue/],
    ['src/queue/a.ts', "import { Redis } from 'ioredis';", /queue may import only types of ioredis/],
    ['src/queue/a.ts', "import { type Redis, Cluster } from 'ioredis';", /only types of ioredis/],
    ['src/routing/a.ts', "import { x } from '../control/a.ts';", /routing must not import/],
    ['src/control/a.ts', "import { x } from '../redis/keys.ts';", /control must not import/],
    ['src/devnode/a.ts', "import { x } from '../errors.ts';", /devnode must not import/],
    ['src/fleet/a.ts', "import { x } from '../core/move.ts';", /fleet must not import/],
    ['src/cli/a.ts', "const x = await import('../redis/keys.ts');", /cli must not import/],
    ['src/api/a.ts', "import '../phases/copy.ts';", /api must not import/],
    ['workers/a.ts', "import { x } from '../src/cli/main.ts';", /workers must not import/],
    ['workers/a.ts', "import { x } from './b.ts';", /nothing imports workers\/b\.ts/],
    ['src/service.ts', "import { x } from '../workers/api.ts';", /nothing imports workers\/api\.ts/],
    ['src/index.ts', "import { x } from '../test/support/redis.ts';", /nothing imports test/],
    ['src/setup.mjs', "import { x } from './errors.ts';", /setup must not import/],
    ['src/build.mjs', "import { build } from 'esbuild';", /build must not import esbuild/],
    ['src/page/a.tsx', "import { x } from '../core/move.ts';", /page must not import src\/core/],
    ['src/page/a.ts', "import { readFile } from 'node:fs';", /page must not import node:fs/],
    ['src/api/a.ts', "import { signal } from '@preact/signals';", /@preact\/signals belongs to page/],
    ['src/novelty/a.ts', '', /novelty has no row/],
  ])('finds in %s: %s', (path, source, message) => {
    expect(planted(path, source)).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    ['src/core/a.ts', "import { z } from 'zod';\nimport { MiroirError } from '../errors.ts';"],
    ['src/ports.ts', "import type { Move } from './core/move.ts';\nexport type { Plan } from './core/plan.ts';"],
    ['src/queue/a.ts', "import { Queue } from 'bullmq';\nimport { type Redis } from 'ioredis';"],
    ['src/service.ts', "import { x } from './redis/keys.ts';\nimport { y } from './queue/names.ts';"],
    ['workers/a.ts', "import { x } from '../src/service.ts';\nimport { y } from '../src/config.ts';"],
    ['src/core/b.ts', "// import { x } from '../ports.ts';\n/* import 'node:fs' */\nconst text = 'a';"],
  ])('allows in %s: %s', (path, source) => {
    expect(planted(path, source)).toEqual([]);
  });
});

describe('importsOf', () => {
  it('reads every form of import, over several lines too', () => {
    const source = [
      "import a, { type B } from 'one';",
      'import type {\n  C,\n  D,\n} from "two";',
      "import 'three';",
      "export * from 'four';",
      "const e = await import('five'); const f = require('six');",
      "import { type G, type H } from 'seven';",
      "const url = 'http://x'; // import z from 'none'",
    ].join('\n');
    expect(importsOf(source)).toEqual([
      { specifier: 'one', isType: false },
      { specifier: 'two', isType: true },
      { specifier: 'four', isType: false },
      { specifier: 'seven', isType: true },
      { specifier: 'three', isType: false },
      { specifier: 'five', isType: false },
      { specifier: 'six', isType: false },
    ]);
  });
});

describe('unitOf', () => {
  it('is the folder in src, the file in src, or the top folder', () => {
    expect(['src/redis/lua/a.lua', 'src/setup.mjs', 'workers/api.ts'].map(unitOf)).toEqual([
      'redis',
      'setup',
      'workers',
    ]);
  });
});

describe('names, sizes and time', () => {
  it.each([
    'src/core/utils.ts',
    'src/helpers/a.ts',
    'test/support/common.ts',
    'src/redis/manager.test.ts',
    'workers/misc.ts',
  ])('refuses the name %s', (path) => {
    expect(planted(path, '')).toContainEqual(expect.stringMatching(/says nothing about what is in it/));
  });

  it('refuses a file of more than 300 lines', () => {
    const lines = (count: number): string => '// x\n'.repeat(count);
    expect(planted('src/core/a.ts', lines(LINES_MAX))).toEqual([]);
    expect(planted('src/core/a.ts', lines(LINES_MAX + 1))).toEqual([expect.stringMatching(/301 lines/)]);
    expect(planted('src/redis/lua/a-1.lua', '-- x\n'.repeat(301))).toHaveLength(1);
  });

  it.each(['new Date()', 'new Date( )', 'const d = new Date;', 'Date()', 'globalThis.setTimeout(f)'])(
    'refuses %s where time comes through the clock port',
    (code) => {
      for (const path of ['src/core/a.ts', 'src/phases/a.ts', 'src/routing/a.ts', 'src/redis/lease-watch.ts']) {
        expect(planted(path, code)).toEqual([expect.stringMatching(/reads the clock/)]);
      }
      expect(planted('src/redis/keys.ts', code)).toEqual([]);
    },
  );

  it('allows a date made of a given time, and words about dates', () => {
    expect(planted('src/core/a.ts', "const d = new Date(ms); // new Date()\nconst t = 'new Date()';")).toEqual([]);
  });
});
