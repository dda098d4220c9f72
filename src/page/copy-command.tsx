/** What a panel shows, as a command for a terminal: a click copies it. */
import { useSignal } from '@preact/signals';

const SHOWN_MS = 1_500;

export function CopyCommand({ command }: { readonly command: string }) {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    await copyText(command);
    copied.value = true;
    setTimeout(() => (copied.value = false), SHOWN_MS);
  };
  return (
    <button type="button" class="copy" title={`copy: ${command}`} onClick={() => void copy()}>
      <code>{command}</code>
      {copied.value ? <span aria-hidden="true">✓</span> : <Sheets />}
      <span class="unseen" role="status">
        {copied.value ? 'copied' : ''}
      </span>
    </button>
  );
}

const Sheets = () => (
  <svg viewBox="0 0 12 12" width="12" height="12" fill="none" stroke="currentColor" aria-hidden="true">
    <rect x="4" y="4" width="7" height="7" rx="1.5" />
    <path d="M8 4V2.5A1.5 1.5 0 0 0 6.5 1h-4A1.5 1.5 0 0 0 1 2.5v4A1.5 1.5 0 0 0 2.5 8H4" />
  </svg>
);

/** Beyond loopback and without TLS a browser gives no clipboard. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  return undefined;
}
