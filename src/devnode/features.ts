/** Experimental features; only `containsFilter` and `disableDocumentsFetchQueue` change what this node does. */
export type Features = Record<(typeof FEATURE_NAMES)[number], boolean>;

export const FEATURE_NAMES = [
  'metrics',
  'logsRoute',
  'editDocumentsByFunction',
  'containsFilter',
  'dynamicSearchRules',
  'network',
  'getTaskDocumentsRoute',
  'taskQueueCompactionRoute',
  'compositeEmbedders',
  'chatCompletions',
  'multimodal',
  'foreignKeys',
  'disableDocumentsFetchQueue',
  'legacySearch',
  'renderRoute',
] as const;

export function defaultFeatures(): Features {
  return Object.fromEntries(FEATURE_NAMES.map((name) => [name, false])) as Features;
}
