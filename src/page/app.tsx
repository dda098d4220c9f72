/** The page: its panels, and the keys that work everywhere. */
import { useEffect } from 'preact/hooks';
import { Alarms } from './alarms.tsx';
import { ChartsPanel } from './charts-panel.tsx';
import { Details, leave } from './details.tsx';
import { EventsPanel } from './events-panel.tsx';
import { FindDialog } from './find-dialog.tsx';
import { Header } from './header.tsx';
import { MovesPanel } from './moves-panel.tsx';
import { NodesPanel } from './nodes-panel.tsx';
import { PlanBar } from './plan-bar.tsx';
import { ShardsPanel } from './shards-panel.tsx';
import { isFinding, place } from './store.ts';
import { TopologyPanel } from './topology-panel.tsx';

export function App({ reread }: { readonly reread: () => void }) {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        isFinding.value = true;
      } else if (event.key === 'Escape' && place.value !== null && document.querySelector('dialog[open]') === null)
        leave();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
  return (
    <>
      <Header />
      <main>
        <Alarms />
        <PlanBar reread={reread} />
        <TopologyPanel />
        <NodesPanel />
        <ShardsPanel />
        <MovesPanel />
        <ChartsPanel />
        <EventsPanel />
      </main>
      <Details reread={reread} />
      <FindDialog />
    </>
  );
}
