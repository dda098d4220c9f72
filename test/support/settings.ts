// A fleet of three nodes, the third of which can be told to distort changes of settings; a router, and the duties.
import type { DutyResult, SettingsRecord } from '../../src/ports.ts';
import { openDuties } from '../../src/service/duties.ts';
import { dutyScope } from '../../src/redis/keys.ts';
import { type DistortingNode, distortingNode } from './distorting.ts';
import { underLease } from './duty-task.ts';
import { startTestFleet, type TestFleet, type TestFleetOptions } from './fleet.ts';
import { type Answer, RouterCalls, type TaskAnswer } from './router-calls.ts';
import { type NodeSwitches, switchesOf } from './switches.ts';
import { untilTrue } from './until.ts';

const NEVER = new AbortController().signal;

export class SettingsScene {
  readonly fleet: TestFleet;
  readonly third: DistortingNode;
  calls: RouterCalls;

  private constructor(fleet: TestFleet, third: DistortingNode, calls: RouterCalls) {
    this.fleet = fleet;
    this.third = third;
    this.calls = calls;
  }

  static async open(config: TestFleetOptions['config'] = {}): Promise<SettingsScene> {
    const fleet = await startTestFleet({ nodes: 2, config: { settings_max_retries: 1, ...config } });
    const node = await fleet.startNode();
    const third = await distortingNode(node.url);
    await fleet.planner.handle('NodeAdded', { node_id: node.id, replica_group: 0, url: third.url });
    await untilTrue(async () => {
      await fleet.planner.tick();
      return (await fleet.base.records.topology()).nodes.every(({ state }) => state === 'active');
    });
    return new SettingsScene(fleet, third, await RouterCalls.open(fleet.base));
  }

  async close(): Promise<void> {
    await this.calls.close();
    await this.third.close();
    await this.fleet.stop();
  }

  node(id: string): NodeSwitches {
    return switchesOf(this.fleet.nodes.find((node) => node.id === id) ?? { url: '' });
  }

  /** An index on all three nodes, known to the router. */
  async index(uid: string, shards = 12): Promise<void> {
    await this.fleet.createIndex({ uid, shards, documents: [] });
    await untilTrue(async () => (await this.calls.search(uid)).status === 200);
  }

  async change(uid: string, body: unknown): Promise<Answer> {
    const { router } = this.calls;
    const {
      status,
      headers,
      body: text,
    } = await router.changeSettings(uid, null, JSON.stringify(body), {
      signal: NEVER,
    });
    return { status, headers, body: JSON.parse(text) as Record<string, unknown> };
  }

  async changed(uid: string, body: unknown): Promise<TaskAnswer> {
    return this.calls.ended(await this.change(uid, body));
  }

  /** A router begins a change, and dies before node n1, which is paused, has applied it. Returns the client's task. */
  async leave(uid: string, body: unknown): Promise<Answer> {
    await this.node('n1').pause();
    const mine = this.calls;
    this.calls = await RouterCalls.open(this.fleet.base);
    const answer = await this.change(uid, body);
    await this.calls.close();
    this.calls = mine;
    if ((await this.record(uid)).broadcast === null) throw new Error('nothing is left');
    return answer;
  }

  record(uid: string): Promise<SettingsRecord> {
    return this.fleet.base.settings.read(uid);
  }

  /** What each node shows of one setting. */
  async shown(uid: string, name: string): Promise<unknown[]> {
    return Promise.all(this.fleet.nodes.map(async ({ id }) => (await this.fleet.client(id).settings(uid))[name]));
  }

  /** A change past every router. */
  async changeOn(id: string, uid: string, settings: Record<string, unknown>): Promise<void> {
    const client = this.fleet.client(id);
    const sent = await client.updateSettings(uid, settings);
    await untilTrue(async () => (await client.tasks({ uids: [sent], limit: 1 }))[0]?.status === 'succeeded');
  }

  /** Changes of settings that a node was sent. */
  async patches(id: string, uid: string): Promise<number> {
    const asked = await this.node(id).asked(`^/indexes/${uid}/settings`);
    return asked.filter(({ method }) => method === 'PATCH').length;
  }

  async search(uid: string, minSettingsVersion?: number): Promise<Answer> {
    const options = minSettingsVersion === undefined ? {} : { minSettingsVersion };
    const { router } = this.calls;
    const { status, headers, body } = await router.search(uid, '{"q":""}', { signal: NEVER, ...options });
    return { status, headers, body: JSON.parse(body) as Record<string, unknown> };
  }

  /** One task of a duty, as a reconciler runs it, once who changed settings has given back their lease. */
  async duty(name: 'settings-drift' | 'settings-broadcast', uid: string): Promise<DutyResult> {
    const { base } = this.fleet;
    const once = (): Promise<DutyResult> =>
      underLease(base, dutyScope(name, uid), async (run, leases) => {
        const parts = { ...base, connection: base.redis, router: this.calls.router, leases };
        const duty = openDuties(parts).find((one) => one.name === name);
        if (duty === undefined) throw new Error(`no duty ${name}`);
        return duty.run(uid, { ...run, signal: NEVER });
      });
    let result: DutyResult = {};
    await untilTrue(async () => (result = await once())['skipped'] !== 'busy');
    return result;
  }
}
