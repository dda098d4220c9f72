import { describe, expect, it } from 'vitest';
import { NodeRefusedError } from '../../../src/errors.ts';
import { createLogger, withoutSecrets } from '../../../src/telemetry/logger.ts';

const collect = (level: 'debug' | 'info' = 'info') => {
  const lines: string[] = [];
  const logger = createLogger({
    level,
    role: 'worker',
    destination: { write: (line: string) => void lines.push(line) },
  });
  return { logger, lines };
};

describe('createLogger', () => {
  it('writes one JSON line with the level as a word, the role and the bindings of children', () => {
    const { logger, lines } = collect();
    logger.child({ index: 'cities', move: 'm1', fence: '7' }).info('copied');
    logger.debug('not at this level');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      role: 'worker',
      index: 'cities',
      move: 'm1',
      fence: '7',
      msg: 'copied',
    });
  });

  it('shows code, remedy and details of our errors', () => {
    const { logger, lines } = collect();
    const err = new NodeRefusedError('node n1 refused', { remedy: 'give it a key', details: { status: 401 } });
    logger.warn({ err }, 'no');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      err: { code: 'miroir_node_refused', remedy: 'give it a key', details: { status: 401 } },
    });
  });

  it('lets no secret out: by field name, in URLs and as bearer tokens', () => {
    const { logger, lines } = collect();
    logger.info(
      {
        authorization: 'Bearer s3cret-a',
        node: { apiKey: 's3cret-b', headers: { authorization: 'Bearer s3cret-c' } },
        config: { password: 's3cret-d', masterKey: 's3cret-e' },
        redis: 'redis://user:s3cret-f@host:6379/0',
        err: new Error('connect to https://u:s3cret-g@h:1 with Bearer s3cret-h failed'),
      },
      'redis://:s3cret-i@host',
    );
    logger.child({ apiKey: 's3cret-j' }).info('child');
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line).not.toContain('s3cret');
      expect(() => JSON.parse(line) as unknown).not.toThrow();
    }
  });
});

describe('withoutSecrets', () => {
  it.each([
    ['redis://:p%40ss@h:1/0', 'redis://***@h:1/0'],
    ['http://a:b@c@host/path', 'http://***@host/path'],
    ['http://host/path?mail=a@b.c', 'http://host/path?mail=a@b.c'],
    ['mail a@b.c about http://host', 'mail a@b.c about http://host'],
    ['Authorization: Bearer abc.def-1', 'Authorization: Bearer ***'],
  ])('%s -> %s', (text, shown) => {
    expect(withoutSecrets(text)).toBe(shown);
  });
});
