/** `miroir settings …` */
import type { Command } from 'commander';
import { showSettings, thawSettings } from '../control/settings.ts';
import { globalsOf, withControl } from './context.ts';
import { print, say, tableText } from './output.ts';

export function addSettingsCommands(program: Command): void {
  const settings = program.command('settings').description('settings of indexes: how far a change is, frozen writes');

  settings
    .command('show <index>')
    .description('version, nodes that are behind, a change under way; the settings themselves with --output json')
    .addHelpText('after', '\nExample:\n  miroir settings show cities')
    .action(async (index: string, _flags: object, command: Command) => {
      const view = await withControl(command, (control) => showSettings(control, index));
      const nodes = Object.entries(view.nodeVersions).map(([node, version]) => `${node}:${version}`);
      print(globalsOf(command).output, view, () =>
        tableText(
          ['index', 'version', 'phase', 'nodes', 'error', 'frozen'],
          [
            [
              view.index,
              view.version,
              view.broadcast?.phase ?? 'Idle',
              nodes.sort().join(' '),
              view.broadcast?.error ?? null,
              view.frozen,
            ],
          ],
        ),
      );
    });

  settings
    .command('thaw <index>')
    .description('let clients write again, once the settings of the index’s nodes are equal')
    .addHelpText('after', '\nExample:\n  miroir settings thaw cities')
    .action(async (index: string, _flags: object, command: Command) => {
      const thawed = await withControl(command, (control) => thawSettings(control, index));
      say(thawed ? `writes to ${index} go on` : `writes to ${index} were not frozen`);
    });
}
