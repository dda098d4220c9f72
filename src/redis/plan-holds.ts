/** Holds and cancels of plans, in the plans' own hashes; the hold of all plans has a hash of its own. */
import type { Redis } from 'ioredis';
import type { Holder, PlanHold } from '../core/plan-hold.ts';
import { PlanStateError, PlanUnknownError } from '../errors.ts';
import type { PlanHolds } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { type Refusal, type Scripts, refusalError } from './scripts.ts';

/** `<by> <since> <actor>`; an actor may hold spaces. */
export function parseHold(text: string | null | undefined): PlanHold | null {
  if (text == null) return null;
  const [by = '', sinceMs = '', ...actor] = text.split(' ');
  return { by: by as Holder, sinceMs: Number(sinceMs), actor: actor.join(' ') };
}

function ofAll(text: string | null | undefined): PlanHold | null {
  const hold = parseHold(text);
  return hold === null ? null : { ...hold, isOfAll: true };
}

const REMEDY: Readonly<Record<string, string>> = {
  done: 'it is over: see `miroir plan show`, and ask for what you want now with an event',
  cancelled: 'its moves are being undone: send the event again for a new plan',
  held: 'it waits for an approval: approve it with `miroir plan apply`, or cancel it',
};

function refusal(script: string, planId: string, reply: Refusal): Error {
  const remedy = REMEDY[reply.refused];
  if (reply.refused === 'missing') {
    return new PlanUnknownError(`there is no plan ${planId}`, { field: 'plan', remedy: 'see `miroir plan list`' });
  }
  if (remedy === undefined) return refusalError(script, reply);
  const stands = reply.refused === 'held' ? 'not paused' : reply.refused;
  return new PlanStateError(`plan ${planId} is ${stands}`, { field: 'plan', remedy, details: { plan: planId } });
}

export function createPlanHolds({ redis, scripts }: { readonly redis: Redis; readonly scripts: Scripts }): PlanHolds {
  const said = async (script: string, planId: string, args: readonly (string | number)[]): Promise<string> => {
    const reply = await scripts.try(script, [keys.plan(planId)], args);
    if ('refused' in reply) throw refusal(script, planId, reply);
    return reply.values[1] ?? '';
  };
  const held = (text: string | null | undefined): PlanHold => {
    const hold = parseHold(text);
    if (hold === null) throw new TypeError('a hold was set and is not there');
    return hold;
  };
  return {
    async orders(planId) {
      const [[own, cancelled], all] = await reading('orders of a plan', () =>
        Promise.all([redis.hmget(keys.plan(planId), 'held', 'cancelled'), redis.hget(keys.allPlans, 'held')]),
      );
      return { held: own == null ? ofAll(all) : parseHold(own), cancelled: cancelled != null };
    },
    async all() {
      return ofAll(await reading('the hold of all plans', () => redis.hget(keys.allPlans, 'held')));
    },
    async hold(planId, by, actor) {
      return held(await said('plan-hold', planId, [by, actor, 0]));
    },
    async release(planId, by) {
      return (await said('plan-release', planId, [by, 0])) === '1';
    },
    async cancel(planId, actor) {
      return (await said('plan-cancel', planId, [actor])) === '1';
    },
    async holdAll(actor) {
      return { ...held((await scripts.run('plan-hold', [keys.allPlans], ['operator', actor, 1]))[1]), isOfAll: true };
    },
    async releaseAll() {
      return (await scripts.run('plan-release', [keys.allPlans], ['operator', 1]))[1] === '1';
    },
  };
}
