/** Commands that run until a signal: the parts of the system, a development node, everything at once, the demo. */
import { Option, type Command } from 'commander';
import { configOf, globalsOf } from './context.ts';
import type { DemoOptions } from './demo.ts';
import type { UpOptions } from './up.ts';
import { countOrList, list, whole } from './values.ts';

interface DevnodeFlags {
  readonly port?: number;
  readonly dir?: string;
  readonly masterKey?: string;
  readonly bodyLimit?: number;
  readonly batchedTasks?: number;
  readonly queue?: number;
  readonly perCore?: number;
  readonly batchMs?: number;
  readonly docsPerS?: number;
  readonly switches?: boolean;
}

export function addProcessCommands(program: Command): void {
  program
    .command('planner')
    .description('run a planner: turns topology events into plans; several may run, one leads')
    .addHelpText('after', '\nExample:\n  miroir planner')
    .action(async (_flags: object, command: Command) => {
      const { runProcess, startPlanner } = await import('../service.ts');
      await runProcess('planner', () => startPlanner(configOf(command)));
    });

  program
    .command('worker')
    .description('run a worker: moves shards; run as many as you like')
    .addHelpText('after', '\nExample:\n  MIROIR_METRICS_PORT=0 miroir worker')
    .action(async (_flags: object, command: Command) => {
      const { runProcess, startRebalancer } = await import('../service.ts');
      await runProcess('rebalancer', () => startRebalancer(configOf(command)));
    });

  program
    .command('reconciler')
    .description('run a reconciler: watches nodes, repairs what owners missed; run two or more')
    .addHelpText('after', '\nExample:\n  MIROIR_METRICS_PORT=0 miroir reconciler')
    .action(async (_flags: object, command: Command) => {
      const { runProcess, startReconciler } = await import('../service.ts');
      await runProcess('reconciler', () => startReconciler(configOf(command)));
    });

  program
    .command('api')
    .description('serve the control API, and the board of jobs')
    .addHelpText('after', '\nExample:\n  MIROIR_API_PORT=7800 miroir api')
    .action(async (_flags: object, command: Command) => {
      const { runProcess, startApi } = await import('../service.ts');
      await runProcess('api', () => startApi(configOf(command)));
    });

  program
    .command('gateway')
    .description('serve clients: Meilisearch’s HTTP in front of the whole fleet; run as many as you like')
    .addHelpText(
      'after',
      '\nListens on gateway_host and gateway_port (127.0.0.1:7700); beyond loopback only with gateway_keys_file.\n\nExamples:\n  miroir gateway\n  MIROIR_GATEWAY_PORT=7701 MIROIR_METRICS_PORT=0 miroir gateway',
    )
    .action(async (_flags: object, command: Command) => {
      const { runProcess, startGateway } = await import('../service.ts');
      await runProcess('gateway', () => startGateway(configOf(command)));
    });

  program
    .command('devnode')
    .description('run a development node: compatible with Meilisearch, in memory, in its own process')
    .option('--port <number>', 'port; default: any free one, printed as JSON', whole)
    .option('--dir <path>', 'keep data here over a restart')
    .option('--master-key <key>', 'ask for a key')
    .option('--body-limit <bytes>', 'largest request body', whole)
    .option('--batched-tasks <count>', 'most tasks in a batch; 0: none is processed', whole)
    .option('--queue <count>', 'reads and searches that may wait', whole)
    .option('--per-core <count>', 'reads and searches at once per core', whole)
    .option('--batch-ms <ms>', 'what a batch costs before its first document', whole)
    .option('--docs-per-s <count>', 'documents indexed in a second; 0: as fast as possible', whole)
    .addOption(new Option('--switches', 'let tests set failures over HTTP').hideHelp())
    .addHelpText('after', '\nExample:\n  miroir devnode --port 7704')
    .action(async (flags: DevnodeFlags) => {
      const { runDevNode } = await import('../devnode/command.ts');
      await runDevNode(flags);
    });

  program
    .command('up')
    .description('run everything in one place: Redis, development nodes, planner, workers, gateway, control API')
    .option('--nodes <count or urls>', 'development nodes to start, or the URLs of real ones', countOrList, 3)
    .option('--api-key-env <name>', 'environment variable with the API key of real nodes')
    .option('--dir <path>', 'keep data here over a restart')
    .option('--workers <count>', 'processes that move shards', whole, 2)
    .option('--gateway-port <port>', 'where clients reach the gateway; 0: any free one', whole)
    .addHelpText(
      'after',
      '\nA private Redis is started, unless --redis names one.\n\nExamples:\n  miroir up\n  miroir up --dir ./miroir-data\n  miroir up --nodes http://10.0.0.1:7700,http://10.0.0.2:7700 --api-key-env MEILI_KEY',
    )
    .action(async (flags: Omit<UpOptions, 'externalRedis'>, command: Command) => {
      // Loaded only when asked for: a worker has no use for what it brings along.
      const { runUp } = await import('./up.ts');
      const externalRedis = globalsOf(command).redis !== undefined;
      process.exitCode = await runUp({ ...flags, externalRedis }, configOf(command));
    });

  program
    .command('demo')
    .description('move shards of 135,233 documents while clients write, kill a worker and a gateway, check all of them')
    .option('--nodes <urls>', 'four real nodes instead of development nodes', list)
    .option('--api-key-env <name>', 'environment variable with the API key of these nodes')
    .option('--docs <count>', 'load only this many documents', whole)
    .option('--no-load', 'leave out the clients that write and search meanwhile')
    .option('--adopt', 'the other story: one node with documents (20,000) is taken over and becomes a fleet of three')
    .option('--keep', 'leave everything running at the end')
    .addHelpText(
      'after',
      '\nExamples:\n  miroir demo\n  miroir demo --docs 20000\n  miroir demo --adopt\n  miroir demo --nodes http://a:7700,http://b:7700,http://c:7700,http://d:7700 --api-key-env MEILI_KEY',
    )
    .action(async (flags: DemoOptions) => {
      const { runDemo } = await import('./demo.ts');
      process.exitCode = await runDemo(flags);
    });
}
