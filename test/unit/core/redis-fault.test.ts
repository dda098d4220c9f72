import { describe, expect, it } from 'vitest';
import { isNotNow, isRedisFault } from '../../../src/core/redis-fault.ts';

describe('trouble of Redis', () => {
  it.each([
    'LOADING Redis is loading the dataset in memory',
    "READONLY You can't write against a read only replica.",
    'MOVED 9189 127.0.0.1:7001',
    'ASK 9189 127.0.0.1:7001',
    "OOM command not allowed when used memory > 'maxmemory'. script: 0a1b, on @user_script:1.",
    'ERR Error running script (call to f_0a1b): @user_script:1: -OOM command not allowed',
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    'BUSY Redis is busy running a script.',
    'NOREPLICAS Not enough good replicas to write.',
    'TRYAGAIN Multiple keys request during rehashing of slot',
  ])('%s', (message) => {
    expect(isNotNow(message)).toBe(true);
    expect(isRedisFault(new Error(message))).toBe(true);
  });

  it.each(['Connection is closed.', 'Command timed out', 'connect ECONNREFUSED 127.0.0.1:1'])('%s', (message) => {
    expect(isNotNow(message)).toBe(false);
    expect(isRedisFault(new Error(message))).toBe(true);
  });

  it('is any error after too many tries', () => {
    expect(isRedisFault(Object.assign(new Error('x'), { name: 'MaxRetriesPerRequestError' }))).toBe(true);
  });

  it.each([
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'BUSYGROUP Consumer Group name already exists',
    'ERR unknown command',
    'index rooms has no shard 3',
  ])('is not: %s', (message) => {
    expect(isRedisFault(new Error(message))).toBe(false);
  });

  it('is not what is no error', () => {
    expect(isRedisFault('OOM ')).toBe(false);
  });
});
