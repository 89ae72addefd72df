// Training over several hosts, which are network namespaces with memory of their own: workers of other hosts join, the
// link is cut and heals, also one that only two workers use, workers are killed and leave, strangers come with a wrong
// token or in plain text. Every run must end with the hashes of one undisturbed worker, and nothing may be left behind.
// Usage: npm run soak:hosts -- [--steps 5000] [--parts story,tls,apart] [--keep FOLDER]; --steps are those of the
// story, --pause the steps between its acts, --short the steps of the other two.
import { cpSync, mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { knownNames, wholeNumber } from './lab/command-line.mjs';
import { conclude } from './lab/verdict.mjs';
import { setApart } from './soak/host-apart.mjs';
import { HostGround } from './soak/host-ground.mjs';
import { tellStory } from './soak/host-story.mjs';
import { tryTls } from './soak/host-tls.mjs';
import { Hosts } from './soak/hosts.mjs';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '5000' },
    pause: { type: 'string', default: '100' },
    short: { type: 'string', default: '1500' },
    parts: { type: 'string' },
    keep: { type: 'string' },
  },
});
const story = { steps: wholeNumber('steps', options.steps), pause: wholeNumber('pause', options.pause) };
const short = { steps: wholeNumber('short', options.short) };
const PARTS = {
  story: (/** @type {HostGround} */ ground) => tellStory(ground, story),
  tls: (/** @type {HostGround} */ ground) => tryTls(ground, short),
  apart: (/** @type {HostGround} */ ground) => setApart(ground, short),
};
const parts = knownNames('part', options.parts?.split(',') ?? [], PARTS);
const obstacle = Hosts.obstacle();
if (obstacle !== null) {
  console.log(`soak:hosts skipped: this machine lets nobody make hosts out of namespaces (${obstacle})`);
  process.exit(0);
}

const ground = new HostGround(3);
try {
  for (const part of parts) await PARTS[part](ground);
} catch (error) {
  ground.problems.push(error instanceof Error ? String(error.stack) : String(error));
} finally {
  if (options.keep !== undefined) {
    mkdirSync(options.keep, { recursive: true });
    cpSync(ground.folder, options.keep, { recursive: true });
  }
  await ground.close();
}
conclude('soak:hosts', ground.problems, 'nothing is left behind; all runs equal the undisturbed ones');
