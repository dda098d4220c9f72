import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { STATUS_OF } from '../../src/api/answers.ts';
import { EXIT_BY_CODE } from '../../src/cli/exit-codes.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { JOB_PHASES, TRANSITIONS } from '../../src/core/move.ts';
import { SHARD_STATES } from '../../src/core/routing.ts';
import { assertOriginAllowed } from '../../src/nodes/origins.ts';
import { keys } from '../../src/redis/keys.ts';
import { plainOf } from '../docs/markdown.ts';
import { openApi } from '../docs/openapi.ts';
import {
  GENERATED,
  REFERENCES,
  ROOT,
  cellsOf,
  errorClasses,
  errorComments,
  filesUnder,
  generatedText,
  textOf,
} from '../docs/tables.ts';
import { leavesOf, problemOf } from '../support/cli-commands.ts';

const DOCS = ['README.md', ...filesUnder('docs').filter((path) => path.endsWith('.md'))];

/** From a heading of level two or three to the next of its level or above. */
function section(markdown: string, heading: string): string {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => /^#{2,3} /.test(line) && line.replace(/^#+ /, '') === heading);
  if (start < 0) return '';
  const level = (lines[start] ?? '').indexOf(' ');
  const length = lines.slice(start + 1).findIndex((line) => /^#{1,6} /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n');
}

describe('tables that come from code', () => {
  it.each(Object.keys(GENERATED))('%s is what the code says (else: node --import tsx test/docs/write.ts)', (name) => {
    const { file, head, rows } = GENERATED[name]!();
    const text = generatedText(textOf(file), name);
    expect(text, `${file} has no markers of ${name}`).not.toBeNull();
    expect(cellsOf(text ?? '')).toEqual(rows.length === 0 ? [] : [head, ...rows]);
  });

  it.each(Object.keys(REFERENCES))(
    '%s is what the code says (else: node --import tsx test/docs/write.ts)',
    async (file) => {
      expect(plainOf(textOf(file))).toBe(plainOf((await REFERENCES[file]?.()) ?? ''));
    },
  );

  it('every error class says in its comment what it means', () => {
    const comments = errorComments();
    expect(errorClasses().length).toBeGreaterThan(30);
    for (const [name] of errorClasses()) expect(comments.get(name)?.length ?? 0, name).toBeGreaterThan(20);
  });

  it('error codes are never given twice, and no document names one that does not exist', () => {
    const codes = errorClasses().map(([, Class]) => new Class('').code);
    expect(new Set(codes).size).toBe(codes.length);
    const metrics = cellsOf(textOf('docs/metrics.md')).map(([name = '']) => name.replaceAll('`', ''));
    const known = new Set([...codes, ...metrics]);
    // A reference may show a field of that name, and cannot show what there is not.
    for (const path of DOCS.filter((one) => !(one in REFERENCES))) {
      for (const [name] of textOf(path).matchAll(/(?<![/\w{])miroir_[a-z_0-9]+\b/g)) {
        expect(known.has(name) || known.has(name.replace(/_(?:bucket|sum|count)$/, '')), `${path}: ${name}`).toBe(true);
      }
    }
  });

  it('a status of the control API is given to codes that exist', () => {
    const codes = errorClasses().map(([, Class]) => new Class('').code);
    expect(Object.keys(STATUS_OF).filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('an exit code is given to codes that exist', () => {
    const codes = errorClasses().map(([, Class]) => new Class('').code);
    expect(Object.keys(EXIT_BY_CODE).filter((code) => !codes.includes(code))).toEqual([]);
  });
});

describe('docs/protocol.md', () => {
  const protocol = textOf('docs/protocol.md');

  it('draws the transitions of the code', () => {
    const diagram = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(protocol)?.[1] ?? '';
    const drawn = diagram
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const wanted = ['[*] --> Idle'];
    const ends = new Set<string>();
    for (const [phase, steps] of Object.entries(TRANSITIONS)) {
      for (const [event, { phase: to, outcome }] of Object.entries(steps)) {
        const end = outcome === undefined || outcome === 'done' ? to : outcome;
        if (outcome !== undefined) ends.add(end);
        wanted.push(`${phase} --> ${end}: ${event}`);
      }
    }
    for (const end of ends) wanted.push(`${end} --> [*]`);
    expect(drawn.sort()).toEqual(wanted.sort());
  });

  it.each(JOB_PHASES)('%s has its four headings in its file and here', (phase) => {
    const file = `src/phases/${phase.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase()}.ts`;
    const docblock = /^\/\*\*[\s\S]*?\*\//.exec(textOf(file))?.[0] ?? '';
    const told = section(protocol, phase);
    expect(told).toContain(`\`${file}\``);
    for (const heading of ['Enters with:', 'Leaves with:', 'Safe to repeat because:', 'Meanwhile:']) {
      expect(docblock, `${file}: ${heading}`).toContain(` ${heading} `);
      expect(told, `${phase}: ${heading}`).toContain(`**${heading}** `);
    }
  });

  it('names every state of a shard', () => {
    for (const state of SHARD_STATES) expect(protocol).toContain(`\`${state}\``);
  });

  it('has all invariants, I1 to I11', () => {
    const named = cellsOf(section(protocol, 'Invariants')).slice(1);
    expect(named.map(([name]) => name)).toEqual(Array.from({ length: 11 }, (_, at) => `I${at + 1}`));
    for (const [name, ...cells] of named)
      expect(
        cells.every((cell) => cell.length > 5),
        name,
      ).toBe(true);
  });
});

describe('docs/architecture.md', () => {
  const architecture = textOf('docs/architecture.md');

  it('has every key of Redis, and none that does not exist', () => {
    const known = Object.entries(keys)
      .filter(([name]) => !name.endsWith('Prefix'))
      .flatMap(([name, key]) => {
        if (typeof key === 'string') return [key];
        if (name === 'nodeMoves') return (['in', 'out'] as const).map((way) => keys.nodeMoves('<node>', way));
        const values = /^\(([^)]*)\)/.exec(String(key))?.[1]?.split(/,\s*/) ?? [];
        const shown = values.map((value) => `<${value === 'owner' ? 'node' : value === 'move' ? 'id' : value}>`);
        return [(key as (...given: readonly string[]) => string)(...shown)];
      });
    const rows = cellsOf(section(architecture, 'What is in Redis')).slice(1);
    expect(rows.map(([key = '']) => key.replaceAll('`', '')).sort()).toEqual(known.sort());
  });
});

/** Headings as GitHub makes anchors of them. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

const LINK = /\]\(([^)\s]+)\)/g;

function brokenLinks(path: string, markdown: string): string[] {
  return [...markdown.matchAll(LINK)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : normalize(join(dirname(path), file));
    if (!existsSync(join(ROOT, target))) return [`${path}: ${link} leads nowhere`];
    if (anchor === undefined || anchorsOf(textOf(target)).includes(anchor)) return [];
    return [`${path}: ${target} has no heading ${anchor}`];
  });
}

/** Paths of a machine, not of the project: whoever reads has another one. */
const MACHINE_PATH = /(?<![\w.}<>/-])\/(?:work|tmp|home|root|Users|mnt)\/\w/g;

/** A group of commands is no command, and may be spoken of. */
function isGroup(program: Command, line: string): boolean {
  const names = leavesOf(program).map(({ name }) => name);
  return names.some((name) => name.startsWith(`${line.replace(/^miroir /, '').replace(/ [|…].*/, '')} `));
}

describe('every document', () => {
  it('names only commands that there are, with options that they have', () => {
    const program = buildProgram();
    const wrong = DOCS.flatMap((path) =>
      [...textOf(path).matchAll(/`(miroir [a-z][^`]*)`/g)].flatMap(([, line = '']) => {
        const problem = isGroup(program, line) ? null : problemOf(program, line);
        return problem === null ? [] : [`${path}: ${problem}`];
      }),
    );
    expect(wrong).toEqual([]);
    expect(problemOf(program, 'miroir node sink n1')).toBe('miroir node sink n1: there is no such command');
    expect(problemOf(program, 'miroir node add n1 --ulr x')).toBe('miroir node add n1 --ulr x: node add has no --ulr');
  });

  it('names only routes of the control API that there are', async () => {
    const routes = Object.keys((await openApi()).paths).map(
      (path) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
    );
    expect(routes.length).toBeGreaterThan(30);
    const named = DOCS.flatMap((path) =>
      [...textOf(path).matchAll(/\/(?:v1|_miroir)\/[\w{}/-]+/g)].map(([route]) => route),
    );
    const known = [...routes, /^\/_miroir\/(?:ready|metrics)$/];
    // What docs/api.md shows an error of.
    expect(named.filter((route) => !known.some((pattern) => pattern.test(route)))).toEqual(['/v1/nothing']);
    expect(named.length).toBeGreaterThan(50);
  });

  it('README has fewer than 150 lines', () => {
    expect(textOf('README.md').trimEnd().split('\n').length).toBeLessThan(150);
  });

  it('has no link that leads nowhere', () => {
    expect(DOCS.flatMap((path) => brokenLinks(path, textOf(path)))).toEqual([]);
    expect(brokenLinks('docs/protocol.md', '[a](nothing.md) [b](#no-such) [c](../README.md) [d](https://x.y)')).toEqual(
      ['docs/protocol.md: nothing.md leads nowhere', 'docs/protocol.md: docs/protocol.md has no heading no-such'],
    );
  });

  it('names only files that exist, and tests by their names', () => {
    const missing: string[] = [];
    for (const path of DOCS) {
      const text = textOf(path);
      for (const [, file = ''] of text.matchAll(/`((?:src|test|workers)\/[\w./-]+)`/g)) {
        if (!existsSync(join(ROOT, file))) missing.push(`${path}: ${file}`);
      }
      for (const [, file = '', title = ''] of text.matchAll(/`(test\/[\w./-]+)` “([^”]+)”/g)) {
        if (!existsSync(join(ROOT, file)) || !textOf(file).includes(title)) missing.push(`${path}: ${file} “${title}”`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('names only variables that the configuration has, with patterns that it takes', () => {
    const known = new Set(GENERATED['config']!().rows.map(([, name = '']) => name.replaceAll('`', '')));
    for (const path of DOCS) {
      const text = textOf(path);
      for (const [name] of text.matchAll(/\bMIROIR_[A-Z_]+[A-Z]\b/g)) {
        const isKnown = known.has(name) || name === 'MIROIR_CONFIG' || name.startsWith('MIROIR_NODE_KEY');
        expect(isKnown, `${path}: ${name}`).toBe(true);
      }
      for (const [, patterns = ''] of text.matchAll(/MIROIR_NODE_ORIGINS=(?:'([^']*)'|([^\s'`]+))/g)) {
        const url = patterns.split(',')[0]!.replace('*', 'n1');
        expect(() => assertOriginAllowed(url, patterns.split(',')), `${path}: ${patterns}`).not.toThrow();
      }
    }
  });

  it('and every source is free of paths of a machine', () => {
    const files = [
      'README.md',
      'package.json',
      'docker-compose.yml',
      ...['docs', 'src', 'workers'].flatMap(filesUnder).filter((path) => !path.endsWith('.png')),
    ];
    const found = files.flatMap((path) => (textOf(path).match(MACHINE_PATH) ?? []).map((text) => `${path}: ${text}`));
    expect(found).toEqual([]);
    expect('in /work/main, "/tmp/x" or (/home/me)'.match(MACHINE_PATH)).toHaveLength(3);
    expect('src/work/a, /metrics, ./tmp/x, https://a.b/tmp/x'.match(MACHINE_PATH)).toBeNull();
  });

  it('the lockfile names no registry', () => {
    expect(textOf('package-lock.json')).not.toContain('"resolved"');
  });
});
