/** The frame of every panel: its name, what can be set, and the command that shows the same. */
import type { ComponentChildren } from 'preact';
import { CopyCommand } from './copy-command.tsx';

interface PanelProps {
  readonly name: string;
  readonly title: string;
  readonly about?: ComponentChildren;
  readonly command?: string;
  readonly children: ComponentChildren;
}

export function Panel({ name, title, about, command, children }: PanelProps) {
  return (
    <section class={`panel ${name}`} aria-labelledby={`${name}-title`}>
      <header>
        <h2 id={`${name}-title`}>{title}</h2>
        <div class="about">{about}</div>
        {command !== undefined && <CopyCommand command={command} />}
      </header>
      {children}
    </section>
  );
}
