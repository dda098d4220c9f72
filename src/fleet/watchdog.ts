// Nothing that the fleet starts or keeps outlives the process that started it, however that one ends.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Writable } from 'node:stream';

/**
 * One shell for all children and temporary folders of this process, in a session of its own. It is told each as it
 * comes and goes; when its input ends, because we exited or were killed, it kills and removes those that are left. A
 * killed child may still be writing for a moment, so folders go a little later, and once more after that.
 */
const SCRIPT = `
left=' '
while IFS=' ' read -r what name; do
  case $what in
    +) left="$left$name " ;;
    -) left="\${left%% $name *} \${left#* $name }" ;;
    f) set -- "$@" "$name" ;;
    g)
      count=$#
      while [ $count -gt 0 ]; do
        [ "$1" = "$name" ] || set -- "$@" "$1"
        shift
        count=$((count - 1))
      done
      ;;
  esac
done
for pid in $left; do kill -KILL "$pid" 2>/dev/null; done
[ $# -eq 0 ] && exit
sleep 0.2 2>/dev/null
rm -rf -- "$@" 2>/dev/null
sleep 1
rm -rf -- "$@" 2>/dev/null
`;

const children = new Set<number>();
const folders = new Set<string>();
let watchdog: Writable | undefined;
let isHooked = false;

function tell(line: string): void {
  if (watchdog === undefined) {
    const shell = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    // Without a shell (or when it was killed) the exit hook below still ends the children of an orderly exit.
    shell.on('error', () => undefined);
    shell.stdin.on('error', () => undefined);
    shell.unref();
    if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
    watchdog = shell.stdin;
  }
  watchdog.write(`${line}\n`);
}

function hookExit(): void {
  if (isHooked) return;
  isHooked = true;
  process.on('exit', () => {
    for (const pid of children) killQuietly(pid);
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it went by itself between the last event and now, which is what we want.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

export function watchChild(pid: number): void {
  hookExit();
  children.add(pid);
  tell(`+ ${pid}`);
}

/** To be called as soon as a child is gone: its id may be given to a stranger. */
export function forgetChild(pid: number): void {
  children.delete(pid);
  tell(`- ${pid}`);
}

/** A temporary folder that is removed when this process ends, should its owner not have done it. */
export function watchFolder(folder: string): void {
  hookExit();
  folders.add(folder);
  tell(`f ${folder}`);
}

export function forgetFolder(folder: string): void {
  folders.delete(folder);
  tell(`g ${folder}`);
}
