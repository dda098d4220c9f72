/** A piece of the filter's text, for error messages. */
export interface Token {
  readonly value: string;
  /** First and last-plus-one character, counted from one. */
  readonly start: number;
  readonly end: number;
}

export type ComparisonOperator = '=' | '!=' | '>' | '>=' | '<' | '<=' | 'TO' | 'STARTS WITH' | 'CONTAINS';
export type PresenceOperator = 'EXISTS' | 'IS NULL' | 'IS EMPTY';

export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly part: FilterNode }
  | {
      readonly kind: 'compare';
      readonly attribute: Token;
      readonly operator: ComparisonOperator;
      readonly value: string;
      /** Upper end of `TO`, both ends included. */
      readonly upper?: string;
    }
  | { readonly kind: 'in'; readonly attribute: Token; readonly values: readonly string[] }
  | { readonly kind: 'is'; readonly attribute: Token; readonly operator: PresenceOperator };

/** A filter that cannot be used, with the place at fault. `code` null: the route's own code for bad filters. */
export class FilterError extends Error {
  readonly code: string | null;

  constructor(message: string, code: string | null = null) {
    super(message);
    this.code = code;
  }
}
