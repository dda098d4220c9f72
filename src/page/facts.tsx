/** Names and values, and what stands for something that is not there. */
import type { ComponentChildren } from 'preact';
import type { Answer } from './answer.ts';

export type Fact = readonly [string, ComponentChildren] | null;

export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl>
      {facts.map((fact) =>
        fact === null ? null : (
          <div key={fact[0]}>
            <dt>{fact[0]}</dt>
            <dd>{fact[1]}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

export function Missing<T>({ answer, what }: { readonly answer: Answer<T> | null; readonly what: string }) {
  if (answer === null) return <p class="muted">…</p>;
  return <p>{answer.problem ?? `There is no ${what}; it may be too old to be kept.`}</p>;
}
