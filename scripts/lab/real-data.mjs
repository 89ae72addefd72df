// Where real data lie: the folder named by PIPETRAIN_TEST_DATA, or ../shared/data beside the checkout.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './pipetrain.mjs';

/** The folder, whether it exists or not. */
export const REAL_DATA = process.env.PIPETRAIN_TEST_DATA ?? join(ROOT, '../shared/data');

/** The folder, or null where there is none. */
export const findRealData = () => (existsSync(REAL_DATA) ? REAL_DATA : null);
