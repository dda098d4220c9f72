/** Where tests may stop a process. */
/**
 * Awaited right before and after every write that crosses a process border, so that tests can stop or kill the process
 * there. Points are named `<part>:<operation>`, e.g. `node:putDocuments`. Without one nothing happens.
 */
export interface Failpoint {
  hit(point: string, when: 'before' | 'after'): Promise<void>;
}
