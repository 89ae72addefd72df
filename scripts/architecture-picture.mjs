// Draws docs/architecture.svg from the list of rooms: node scripts/architecture-picture.mjs. A test holds it up to
// date.
import { writeFileSync } from 'node:fs';
import { drawHouse } from './house/picture.mjs';

writeFileSync(new URL('../docs/architecture.svg', import.meta.url), drawHouse());
