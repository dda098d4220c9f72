/** What cannot simply be taken back is asked for by typing a name: nobody clicks through that. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Dialog } from './dialog.tsx';

interface ConfirmProps {
  readonly title: string;
  readonly word: string;
  readonly button: string;
  readonly close: () => void;
  readonly act: () => void;
  /** There is nothing to do any more. */
  readonly isIdle?: boolean;
  readonly children: ComponentChildren;
}

export function Confirm({ title, word, button, close, act, isIdle = false, children }: ConfirmProps) {
  const typed = useSignal('');
  const isRight = typed.value.trim() === word && !isIdle;
  return (
    <Dialog title={title} close={close}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (isRight) act();
        }}
      >
        <h2>{title}</h2>
        {children}
        <label>
          Type <code>{word}</code> to go on
          <input
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => (typed.value = currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="button" onClick={close}>
            Keep going
          </button>
          <button type="submit" class="danger" disabled={!isRight}>
            {button}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
