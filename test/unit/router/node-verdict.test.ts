import { describe, expect, it } from 'vitest';
import { NodeBusyError, NodeOriginError, NodeUnreachableError, PageTooLargeError } from '../../../src/errors.ts';
import { verdictOfAnswer, verdictOfError } from '../../../src/routing/router/node-verdict.ts';

const answer = (status: number, body: unknown, retryAfterS: number | null = null) =>
  verdictOfAnswer({ status, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), retryAfterS });
const error = (code: string) => ({ message: 'm', code, type: 't', link: 'l' });

describe('the verdict of an answer', () => {
  it('is accepted with the task, and unknown for a success without one', () => {
    expect(answer(202, { taskUid: 7 })).toEqual({ kind: 'accepted', taskUid: 7 });
    expect(answer(200, '<html>')).toMatchObject({ kind: 'unknown' });
  });

  it.each([
    [400, error('malformed_payload'), 'refused'],
    [413, error('payload_too_large'), 'refused'],
    [415, error('invalid_content_type'), 'refused'],
    [422, error('no_space_left_on_device'), 'busy'],
    [422, error('io_error'), 'busy'],
    [408, '', 'unknown'],
    [503, 'a proxy', 'unknown'],
    [429, '', 'busy'],
    [503, error('too_many_search_requests'), 'busy'],
    [500, error('database_size_limit_reached'), 'busy'],
    [401, error('missing_authorization_header'), 'down'],
    [403, error('invalid_api_key'), 'down'],
    [404, 'a proxy', 'down'],
    [301, '', 'down'],
    [500, error('internal'), 'unknown'],
    [502, '', 'unknown'],
    [504, '', 'unknown'],
  ] as const)('%i is %s: %s', (status, body, kind) => {
    expect(answer(status, body).kind).toBe(kind);
  });

  it('keeps what a busy node wishes', () => {
    expect(answer(503, error('too_many_search_requests'), 3)).toMatchObject({ kind: 'busy', afterMs: 3_000 });
  });
});

describe('the verdict of an error', () => {
  it.each([
    [new NodeUnreachableError('x', { details: { ambiguous: true } }), 'unknown'],
    [new NodeUnreachableError('x', { details: { ambiguous: false } }), 'down'],
    [new NodeBusyError('x'), 'busy'],
    [new NodeOriginError('x'), 'down'],
    [new PageTooLargeError('x'), 'unknown'],
    [new Error('x'), 'unknown'],
  ] as const)('%s', (thrown, kind) => {
    expect(verdictOfError(thrown).kind).toBe(kind);
  });
});
