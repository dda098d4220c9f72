/** Redis: whether it keeps what we write, and tells the time as we do. */
import { clockFinding, skewMs } from './clocks.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { RedisLook } from '../../ports.ts';
import type { DoctorParts } from './parts.ts';

/** The oldest version with everything that our scripts and BullMQ use. */
const VERSION_MIN = [6, 2] as const;
/** Fuller than this a busy hour may meet `OOM`: with noeviction every write of ours is refused then. */
const FULL = 0.85;
const SUBJECT = 'redis';

export async function redisChecks({ redisHealth, clock }: DoctorParts): Promise<Finding[]> {
  const beforeMs = clock.now();
  const look = await redisHealth.look();
  const { version, policy, hasAof, appendFsync, areWritesSaved, usedBytes, maxBytes, nowMs } = look;
  const offMs = skewMs({ least: nowMs, most: nowMs }, { least: beforeMs, most: clock.now() });
  return [
    isOld(version)
      ? fail(SUBJECT, `version ${version}`, `run Redis ${VERSION_MIN.join('.')} or newer`)
      : ok(SUBJECT, `version ${version}`),
    policy === 'noeviction'
      ? ok(SUBJECT, 'keeps every key (noeviction)')
      : fail(SUBJECT, `evicts keys (maxmemory-policy ${policy})`, 'set maxmemory-policy noeviction'),
    hasAof
      ? ok(SUBJECT, 'keeps an append-only file')
      : fail(SUBJECT, 'keeps no append-only file: a restart forgets moves', 'set appendonly yes'),
    ...(hasAof ? [fsyncOf(appendFsync)] : []),
    ...replicationOf(look),
    areWritesSaved
      ? ok(SUBJECT, 'its last writes to disk succeeded')
      : fail(SUBJECT, 'its last write to disk failed', 'look at the disk of Redis and at its log'),
    maxBytes > 0 && usedBytes > maxBytes * FULL
      ? warn(SUBJECT, `${usedBytes} of ${maxBytes} bytes are used`, 'raise maxmemory, or lower client_tasks_max')
      : ok(SUBJECT, `${usedBytes} bytes are used${maxBytes > 0 ? ` of ${maxBytes}` : ', no limit'}`),
    clockFinding(SUBJECT, offMs),
  ];
}

/** What was answered and is not on disk yet is lost when the machine crashes, not when Redis is told to end. */
function fsyncOf(appendFsync: string | null): Finding {
  if (appendFsync === 'always') return ok(SUBJECT, 'has on disk what it answers (appendfsync always)');
  const found =
    appendFsync === null
      ? 'does not tell whether it has on disk what it answers (CONFIG is denied)'
      : `answers before it has it on disk (appendfsync ${appendFsync})`;
  const risk = 'a crash of its machine may lose up to 2 s, and a document of a move that settles then may go back';
  return warn(SUBJECT, found, `set appendfsync always, or live with it: ${risk}`);
}

/** What a failover loses is what no replica had; nothing is said of one server alone. */
function replicationOf({ isFailedOver, replicas, nearReplicas }: RedisLook): Finding[] {
  if (isFailedOver && replicas === 0)
    return [warn(SUBJECT, 'has no replica: nothing takes over when it dies', 'start its replicas, and see their logs')];
  if (replicas === 0) return [];
  if (nearReplicas !== null) return [ok(SUBJECT, `takes writes only with a replica near (${nearReplicas} are)`)];
  return [
    warn(
      SUBJECT,
      'takes writes that no replica may have (min-replicas-to-write 0): a failover may lose any number of them',
      'set min-replicas-to-write 1 on every server; docs/operations.md says what a failover may lose then',
    ),
  ];
}

function isOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1]);
}
