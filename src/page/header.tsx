/** The top of the page: which fleet, whether what is shown is now, and where to go. */
import { clockText, durationText } from './format.ts';
import { alarm, connection, indexes, indexShown, isFinding, isStale, nowMs, readAtMs, topology } from './store.ts';
import { nextTheme, theme } from './theme.ts';

const CONNECTION = { live: ['●', 'live'], behind: ['◐', 'behind'], lost: ['○', 'lost'] } as const;
const THEME_SIGNS = { system: '◐', light: '☀', dark: '☾' } as const;

export function Header() {
  const { value: index } = indexShown;
  return (
    <header class="top">
      <h1>
        <Logo /> Miroir
      </h1>
      <span class="fleet">{location.host}</span>
      {topology.value !== null && (
        <span class="facts">
          topology <b>v{topology.value.version}</b>
          {index !== null && (
            <>
              {' · '}
              {indexes.value.length === 1 ? index.uid : `${indexes.value.length} indexes · ${index.uid}`} epoch{' '}
              <b>{index.epoch}</b>
            </>
          )}
        </span>
      )}
      <ConnectionState />
      {alarm.value !== null && (
        <span class="connection lost alarm" role="status">
          <span aria-hidden="true">✗</span> {alarm.value}
        </span>
      )}
      <span class="grow" />
      <button type="button" class="find" onClick={() => (isFinding.value = true)}>
        Find <kbd>Ctrl K</kbd>
      </button>
      <button type="button" onClick={nextTheme} title="light, dark, or as the system has it">
        <span aria-hidden="true">{THEME_SIGNS[theme.value]}</span> {theme.value}
      </button>
      <a href="/queues">Jobs</a>
      <a href="/docs">API</a>
    </header>
  );
}

function ConnectionState() {
  const { state, sinceMs, why } = connection.value;
  const [sign, word] = CONNECTION[state];
  const age = state === 'live' || sinceMs === 0 ? '' : ` for ${durationText(nowMs.value - sinceMs)}`;
  return (
    <span class={`connection ${state}`} role="status" title={why}>
      <span aria-hidden="true">{sign}</span> {word}
      {age}
      {isStale.value && readAtMs.value > 0 && ` · as of ${clockText(readAtMs.value)}`}
    </span>
  );
}

const Logo = () => (
  <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <rect x="1" y="3" width="7" height="14" rx="2" fill="currentColor" />
    <rect x="12" y="3" width="7" height="14" rx="2" fill="currentColor" opacity=".45" />
    <path d="M10 1v18" stroke="currentColor" stroke-width="1" stroke-dasharray="2 2" />
  </svg>
);
