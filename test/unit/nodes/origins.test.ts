import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, NodeOriginError } from '../../../src/errors.ts';
import { assertOriginAllowed, shownUrl } from '../../../src/nodes/origins.ts';

const LOOPBACK = ['http://127.0.0.1:*', 'http://localhost:*', 'http://[::1]:*'];

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('assertOriginAllowed', () => {
  it.each([
    ['http://127.0.0.1:7700', LOOPBACK, 'http://127.0.0.1:7700'],
    ['http://127.0.0.1', LOOPBACK, 'http://127.0.0.1'],
    ['http://127.0.0.1:7700/', LOOPBACK, 'http://127.0.0.1:7700'],
    ['HTTP://LocalHost:80', LOOPBACK, 'http://localhost'],
    ['http://[::1]:7700', LOOPBACK, 'http://[::1]:7700'],
    ['http://[0:0:0:0:0:0:0:1]:7700', LOOPBACK, 'http://[::1]:7700'],
    // Other spellings of the same address are that address.
    ['http://2130706433:7700', LOOPBACK, 'http://127.0.0.1:7700'],
    ['http://0x7f.1:7700', LOOPBACK, 'http://127.0.0.1:7700'],
    ['https://search.example.com', ['https://search.example.com'], 'https://search.example.com'],
    ['https://search.example.com:443', ['https://search.example.com'], 'https://search.example.com'],
    ['https://search.example.com', ['https://search.example.com:443'], 'https://search.example.com'],
    ['https://a.b.example.com', ['https://*.example.com'], 'https://a.b.example.com'],
    ['https://N1.Example.COM:7700', ['https://*.EXAMPLE.com:7700'], 'https://n1.example.com:7700'],
    ['https://n1.example.com:9', ['https://*.example.com:*'], 'https://n1.example.com:9'],
    ['https://n1.bücher.example', ['https://*.bücher.example'], 'https://n1.xn--bcher-kva.example'],
    ['http://n1:7700', ['http://other:1', ' http://n1:7700 '], 'http://n1:7700'],
  ])('%s within %j', (url, patterns, origin) => {
    expect(assertOriginAllowed(url, patterns)).toBe(origin);
  });

  it.each([
    // another scheme, host or port
    ['https://127.0.0.1:7700', LOOPBACK],
    ['http://127.0.0.2:7700', LOOPBACK],
    ['http://[::ffff:127.0.0.1]:7700', LOOPBACK],
    ['http://example.com:81', ['http://example.com']],
    ['http://example.com', ['http://example.com:81']],
    ['http://example.com.', ['http://example.com']],
    ['http://localhost.:7700', LOOPBACK],
    ['http://localhost.evil.example:7700', LOOPBACK],
    ['http://127.0.0.1.evil.example', LOOPBACK],
    // wildcards are whole labels of names
    ['https://example.com', ['https://*.example.com']],
    ['https://evilexample.com', ['https://*.example.com']],
    ['https://n1.example.com.evil.example', ['https://*.example.com']],
    ['https://n1.example.com.', ['https://*.example.com']],
    ['http://127.0.0.1', ['http://*.0.0.1']],
    ['http://10.1.2.3', ['http://*.2.3']],
    // credentials, path, query, fragment, and what parsing would drop or rewrite
    ['http://localhost:7700@evil.example', LOOPBACK],
    ['http://user:pw@localhost:7700', LOOPBACK],
    ['http://@localhost:7700', LOOPBACK],
    ['http://evil.example\\@localhost:7700', LOOPBACK],
    ['http://localhost\\.evil.example', LOOPBACK],
    ['http://local\thost:7700', LOOPBACK],
    [' http://localhost:7700', LOOPBACK],
    ['http://localhost:7700/path', LOOPBACK],
    ['http://localhost:7700?x=1', LOOPBACK],
    ['http://localhost:7700#x', LOOPBACK],
    // not http(s), not a URL
    ['ftp://localhost', LOOPBACK],
    ['file:///etc/passwd', LOOPBACK],
    ['redis://localhost', LOOPBACK],
    ['localhost:7700', LOOPBACK],
    ['//localhost', LOOPBACK],
    ['http://localhost:99999', LOOPBACK],
    ['http://', LOOPBACK],
    ['', LOOPBACK],
    ['http://localhost', []],
  ])('refuses %j within %j', (url, patterns) => {
    expect(() => assertOriginAllowed(url, patterns)).toThrow(NodeOriginError);
  });

  it.each(['*', 'http://*', 'http://*:80', 'localhost:*', 'http://a/b', 'http://u@h', 'http://a*b', 'ftp://h', ''])(
    'says that %j is no pattern',
    (pattern) => {
      expect(() => assertOriginAllowed('http://h', [pattern])).toThrow(ConfigError);
    },
  );

  it('names the field and the remedy, and shows no credentials', () => {
    const error = thrownBy(() => assertOriginAllowed('http://user:s3cret@host:1', LOOPBACK, 'node_url'));
    expect(error).toMatchObject({ field: 'node_url', code: 'miroir_node_origin' });
    expect(inspect(error)).not.toContain('s3cret');
  });
});

describe('shownUrl', () => {
  it.each([
    ['http://u:p@h:1/x', 'http://***@h:1/x'],
    ['u:p@h', '***@h'],
    ['http://h:1', 'http://h:1'],
  ])('%s -> %s', (url, shown) => {
    expect(shownUrl(url)).toBe(shown);
  });
});
