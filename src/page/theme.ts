/** Light, dark, or what the system says; kept for the next visit. */
import { computed, effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'miroir-theme';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];

const system = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(system.matches);
system.addEventListener('change', ({ matches }) => (systemIsDark.value = matches));

const stored = localStorage.getItem(KEY);
export const theme = signal<Theme>(ORDER.find((one) => one === stored) ?? 'system');
export const isDark = computed(() => (theme.value === 'system' ? systemIsDark.value : theme.value === 'dark'));
effect(() => {
  document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light';
});

export function nextTheme(): void {
  const next = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] ?? 'system';
  theme.value = next;
  localStorage.setItem(KEY, next);
}

/** A colour of the style sheet, for what is painted. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
