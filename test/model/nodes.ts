/** Nodes: a request that arrives is accepted at the end of the queue; tasks are applied in their order. */
import { ABSENT, applied } from './documents.ts';
import { PC, ROUTE, editMover, editWrite, enqueue, type State, type Task } from './state.ts';
import { list, type Steps } from './steps.ts';
import { SOURCE, TARGET, at, idsOf } from './world.ts';

const NODE_NAMES = ['source', 'target'] as const;

export function addNodeSteps(steps: Steps, s: State): void {
  addArrivals(steps, s);
  for (const node of [SOURCE, TARGET]) addApplying(steps, s, node);
}

function addArrivals(steps: Steps, s: State): void {
  for (let k = 0; k < s.writes.length; k += 1) {
    const { pending } = at(s.writes, k);
    for (const node of [SOURCE, TARGET]) {
      if ((pending & (1 << node)) === 0) continue;
      steps.add(s, `node: write # arrives at the ${at(NODE_NAMES, node)}`, k, (next) => {
        const write = editWrite(next, k);
        write.pending &= ~(1 << node);
        write.touched = true;
        enqueue(next, node, { by: 'client', operation: k });
        if (node === TARGET && next.route < ROUTE.settling)
          next.fault = 'I2: a client’s write on the target before the switch';
      });
    }
  }
  for (let m = 0; m < s.movers.length; m += 1) {
    const { wire } = at(s.movers, m);
    if (wire === null || isTooLate(steps, s, m)) continue;
    steps.add(s, 'node: the request of mover # arrives at the target', m, (next) => arrive(steps, next, m, wire));
  }
}

/** A bound weaker than the protocol's: an older mover's requests end before the last audit, not before its successor acts. */
function isTooLate(steps: Steps, s: State, m: number): boolean {
  return steps.world.timelyStrays && m + 1 < s.movers.length && at(s.movers, s.movers.length - 1).pc >= PC.cleanUp;
}

/** A mover's request is accepted. */
export function arrive({ guards }: Pick<Steps, 'guards'>, s: State, m: number, wire: Task): void {
  const mover = editMover(s, m);
  mover.wire = null;
  mover.task = 1;
  enqueue(s, TARGET, wire);
  if (mover.pc === PC.settleWait && guards.targetWatermark) mover.mark = at(s.queues, TARGET).length;
  if (m + 1 < s.movers.length) s.stray = true;
}

function addApplying(steps: Steps, s: State, node: number): void {
  const task = at(s.queues, node)[0];
  if (task === undefined) return;
  const name = at(NODE_NAMES, node);
  steps.add(s, `node: the ${name} applies ${textOf(task)}`, 0, (next) => {
    take(next, node);
    apply(steps, next, node, task);
  });
  if (task.by === 'client' && s.clientFailures > 0) {
    steps.add(s, `node: the ${name} fails ${textOf(task)}`, 0, (next) => {
      take(next, node);
      next.clientFailures -= 1;
      editWrite(next, task.operation).failed = true;
      if (steps.world.stays) list(next, steps.world, task.operation);
    });
  }
  if (task.by === 'mover' && s.moverFailures > 0) {
    steps.add(s, `node: the ${name} fails ${textOf(task)}`, 0, (next) => {
      take(next, node);
      next.moverFailures -= 1;
      settleTask(next, task.mover, 3);
    });
  }
}

function take(s: State, node: number): void {
  s.queues = s.queues.with(node, at(s.queues, node).slice(1));
  for (let m = 0; m < s.movers.length; m += 1) {
    const { watched, watermark, mark } = at(s.movers, m);
    if (watched === node && watermark > 0) editMover(s, m).watermark -= 1;
    if (node === TARGET && mark > 0) editMover(s, m).mark -= 1;
  }
}

function apply(steps: Steps, s: State, node: number, task: Task): void {
  const contents = at(s.contents, node);
  if (task.by === 'cleanUp') {
    s.contents = s.contents.with(
      node,
      contents.map(() => ABSENT),
    );
    return;
  }
  if (task.by === 'mover') {
    const after = contents.map((content, id) => ((task.ids & (1 << id)) === 0 ? content : at(task.contents, id)));
    s.contents = s.contents.with(node, after);
    settleTask(s, task.mover, 2);
    return;
  }
  const ids = idsOf(steps.world, task.operation);
  const after = contents.map((content, id) =>
    ids.includes(id) ? applied(steps.world, task.operation, content) : content,
  );
  s.contents = s.contents.with(node, after);
  if (steps.world.checksReads && !at(s.writes, task.operation).succeeded)
    editWrite(s, task.operation).applied |= 1 << node;
}

function settleTask(s: State, m: number, outcome: number): void {
  if (at(s.movers, m).task === 1) editMover(s, m).task = outcome;
}

export function textOf(task: Task): string {
  if (task.by === 'client') return `write ${task.operation}`;
  return task.by === 'mover' ? `the batch of mover ${task.mover}` : 'the deletion of the old copy';
}
