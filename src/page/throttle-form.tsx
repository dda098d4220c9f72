/** Limits for all nodes together; those of single nodes stay as they are. */
import { useSignal } from '@preact/signals';
import { change, Refused } from './client.ts';
import { CopyCommand } from './copy-command.tsx';
import { Dialog } from './dialog.tsx';
import { throttle } from './store.ts';

const numberOf = (text: string): number | null => (text.trim() === '' ? null : Number(text));

export function ThrottleForm({ close, reread }: { readonly close: () => void; readonly reread: () => void }) {
  const { documentsPerSecond = null, tasksInFlight = null } = throttle.peek()?.throttle ?? {};
  const documents = useSignal(documentsPerSecond === null ? '' : String(documentsPerSecond));
  const tasks = useSignal(tasksInFlight === null ? '' : String(tasksInFlight));
  const refusal = useSignal<string | null>(null);
  const save = async (): Promise<void> => {
    try {
      await change('PUT', '/v1/throttle', {
        nodes: throttle.peek()?.throttle.nodes ?? {},
        documentsPerSecond: numberOf(documents.value),
        tasksInFlight: numberOf(tasks.value),
      });
      reread();
      close();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusal.value = error.message;
    }
  };
  return (
    <Dialog title="Throttle" close={close}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <h2>Throttle</h2>
        <p>How fast moves may copy, over all nodes. Empty: no limit but the pace that clients leave.</p>
        <label>
          Documents a second
          <input
            type="number"
            min={1}
            value={documents.value}
            onInput={({ currentTarget }) => (documents.value = currentTarget.value)}
          />
        </label>
        <label>
          Tasks in flight
          <input
            type="number"
            min={1}
            value={tasks.value}
            onInput={({ currentTarget }) => (tasks.value = currentTarget.value)}
          />
        </label>
        {documents.value !== '' && (
          <CopyCommand command={`miroir throttle set --documents-per-second ${documents.value}`} />
        )}
        {refusal.value !== null && (
          <p class="refusal" role="alert">
            {refusal.value}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={close}>
            Leave as it is
          </button>
          <button type="submit" class="main">
            Set
          </button>
        </div>
      </form>
    </Dialog>
  );
}
