// What a button says when nobody answers.
import { expect, it } from 'vitest';
import { change, Refused } from '../../../src/page/client.ts';

it('refuses in words when the API does not answer, as the API itself would', async () => {
  // Port 9 of loopback: nobody listens there.
  const refusal = await change('POST', 'http://127.0.0.1:9/v1/plans/p1/pause').catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Refused);
  expect(refusal).toMatchObject({
    message: 'the control API does not answer',
    nextSteps: [expect.stringContaining('try again once it is back')],
  });
});
