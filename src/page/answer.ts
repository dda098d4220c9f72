/** One more answer of the API, for what is looked at closely. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { askIfThere, messageOf } from './client.ts';
import { readAtMs } from './store.ts';

export interface Answer<T> {
  readonly path: string;
  /** Null: there is no such thing. */
  readonly value: T | null;
  readonly problem: string | null;
}

/**
 * Null until it is there; what another path answered is not shown for this one. Read again with every reading of the
 * page, but for what makes nodes work: that is asked `once`.
 */
export function useAnswer<T>(path: string, how: 'live' | 'once' = 'live'): Answer<T> | null {
  const answer: Signal<Answer<T> | null> = useSignal(null);
  const readAt = how === 'live' ? readAtMs.value : 0;
  useEffect(() => {
    let isLeft = false;
    const read = async (): Promise<Answer<T>> => {
      try {
        return { path, value: await askIfThere<T>(path), problem: null };
      } catch (error) {
        return { path, value: null, problem: messageOf(error) };
      }
    };
    void read().then((got) => {
      if (!isLeft) answer.value = got;
    });
    return () => {
      isLeft = true;
    };
  }, [path, readAt]);
  return answer.value?.path === path ? answer.value : null;
}
