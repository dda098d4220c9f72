/**
 * The page at `/`: the files that src/build-page.mjs has made, read once. It is a few small files, so they are kept in
 * memory as they are and packed.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './app.ts';

interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly packed: Buffer;
}
export type PageFiles = ReadonlyMap<string, PageFile>;

/** From the built code and from the sources. */
const FOLDERS = ['../../page/', '../../dist/page/'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
const INDEX = 'index.html';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};
/** All but the first file are named by their content. */
const FOR_EVER = 'public, max-age=31536000, immutable';
const NOT_BUILT = `The page is not built. In a checkout run

  node src/build-page.mjs

and start the control API again. An installed package has it.

/queues shows the jobs, /docs the API, and \`miroir status -w\` what moves.
`;

/** The newest build there is; empty when there is none. */
export async function readPage(folders: readonly string[] = FOLDERS): Promise<PageFiles> {
  for (const folder of folders) {
    const names = await readdir(folder).catch((error: unknown) => noneIfMissing(error));
    if (!names.includes(INDEX)) continue;
    const files = names.flatMap((name) => (TYPES[extname(name)] === undefined ? [] : [name]));
    return new Map(
      await Promise.all(
        files.map(async (name): Promise<[string, PageFile]> => {
          const plain = await readFile(`${folder}${name}`);
          return [name, { type: TYPES[extname(name)] ?? '', plain, packed: gzipSync(plain, { level: 9 }) }];
        }),
      ),
    );
  }
  return new Map();
}

function noneIfMissing(error: unknown): readonly string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
  throw error;
}

/** With a key that may read: a browser asks for it once, and sends it with whatever the page asks for. */
export function servePage(app: App, files: PageFiles): void {
  const options = { config: { scope: 'read' }, schema: { hide: true } } as const;
  app.get('/', options, async (request, reply) => {
    const index = files.get(INDEX);
    if (index !== undefined) return send(request, reply, index, 'no-cache');
    return reply.code(503).type('text/plain; charset=utf-8').send(NOT_BUILT);
  });
  for (const [name, file] of files) {
    if (name === INDEX) continue;
    app.get(`/page/${name}`, options, async (request, reply) => send(request, reply, file, FOR_EVER));
  }
}

function send({ headers }: FastifyRequest, reply: FastifyReply, file: PageFile, caching: string): FastifyReply {
  void reply.type(file.type).header('cache-control', caching).header('vary', 'accept-encoding');
  if (!/\bgzip\b/.test(headers['accept-encoding'] ?? '')) return reply.send(file.plain);
  return reply.header('content-encoding', 'gzip').send(file.packed);
}
