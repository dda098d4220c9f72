import type { Route } from '../router.ts';

export const searchRoutes: readonly Route[] = [];
