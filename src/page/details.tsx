/** What the address names, closely: beside everything else, and Esc closes it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { CopyCommand } from './copy-command.tsx';
import { hashOf, type Place } from './hash-route.ts';
import { MoveDetails } from './move-details.tsx';
import { NodeDetails } from './node-details.tsx';
import { PlanDetails } from './plan-details.tsx';
import { ShardDetails } from './shard-details.tsx';
import { place } from './store.ts';

export const leave = (): void => {
  history.pushState(null, '', location.pathname);
  place.value = null;
};

export function Details({ reread }: { readonly reread: () => void }) {
  const { value: open } = place;
  const heading = useRef<HTMLHeadingElement>(null);
  const key = open === null ? '' : hashOf(open);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
  }, [key]);
  if (open === null) return null;
  return (
    <aside class="details" aria-labelledby="details-title">
      <header>
        <h2 id="details-title" tabIndex={-1} ref={heading}>
          {titleOf(open)}
        </h2>
        <button type="button" onClick={leave} title="Esc">
          <span aria-hidden="true">✕</span> close
        </button>
      </header>
      <div class="body" key={key}>
        {bodyOf(open, reread)}
      </div>
      <footer>
        <CopyCommand command={commandOf(open)} />
      </footer>
    </aside>
  );
}

function titleOf(open: Place): string {
  return open.kind === 'shard'
    ? `Shard ${open.index}/${open.shard}`
    : `${open.kind[0]?.toUpperCase()}${open.kind.slice(1)} ${open.id}`;
}

function commandOf(open: Place): string {
  switch (open.kind) {
    case 'move':
      return `miroir move explain ${open.id}`;
    case 'plan':
      return `miroir plan show ${open.id}`;
    case 'node':
      return 'miroir node list';
    case 'shard':
      return `miroir shard explain ${open.index} ${open.shard}`;
  }
}

function bodyOf(open: Place, reread: () => void): ComponentChildren {
  switch (open.kind) {
    case 'move':
      return <MoveDetails id={open.id} />;
    case 'plan':
      return <PlanDetails id={open.id} reread={reread} />;
    case 'node':
      return <NodeDetails id={open.id} reread={reread} />;
    case 'shard':
      return <ShardDetails index={open.index} shard={open.shard} />;
  }
}
