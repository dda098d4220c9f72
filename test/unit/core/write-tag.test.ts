import { describe, expect, it } from 'vitest';
import { adoptionTag, isOwnTag } from '../../../src/core/write-tag.ts';

describe('tags of writes', () => {
  it.each([
    ['{"router":"r1","epoch":3,"shards":[0],"attempt":1}', true],
    ['{"move":"p1-0-0","fence":"7","shards":[0],"attempt":1}', true],
    [adoptionTag('movies', '12'), true],
    ['load', true],
    ['{"import":"nightly"}', false],
    ['', false],
    [null, false],
  ])('%s is ours: %s', (text, isOurs) => {
    expect(isOwnTag(text)).toBe(isOurs);
  });
});
