// Writes docs/config.md from the schema of the configuration. Run `npm run build` first.
import { writeFileSync } from 'node:fs';
import { configPage } from '#dist/cli/config/config-docs.js';

writeFileSync(new URL('../docs/config.md', import.meta.url), configPage());
