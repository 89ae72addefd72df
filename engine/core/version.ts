// The version of this package, as its package.json says it.
import { packageRoot } from './package-root.js';

export const VERSION: string = packageRoot()?.version ?? 'unknown';
