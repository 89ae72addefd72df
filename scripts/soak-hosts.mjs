// Training over several hosts, which are network namespaces with memory of their own: workers of other hosts join, the
// link is cut and heals, also one that only two workers use, workers are killed and leave, strangers come with a wrong
// token or in plain text. Every run must end with the hashes of one undisturbed worker, and nothing may be left behind.
// Usage: npm run soak:hosts -- [--steps 5000] [--keep FOLDER]
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeOwnCertificate } from '../dist/engine/comm/own-certificate.js';
import { fingerprintOf } from '../dist/engine/comm/tls.js';
import { readEvents } from '../dist/engine/events/event-log.js';
import { Hosts } from './soak/hosts.mjs';

const { values: options } = parseArgs({
  options: { steps: { type: 'string', default: '5000' }, keep: { type: 'string' } },
});
const steps = Number(options.steps);
const obstacle = Hosts.obstacle();
if (obstacle !== null) {
  console.log(`soak:hosts skipped: this machine lets nobody make hosts out of namespaces (${obstacle})`);
  process.exit(0);
}

const main = join(import.meta.dirname, '../dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'pipetrain-hosts-'));
const TOKEN = 'token of this soak';
const PORT = 7000;
/** Steps that pass between an event and what is done about it. */
const PAUSE = 100;
const HEARTBEAT_SECONDS = 2;
const began = performance.now();
const say = (text) => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`);
const problems = [];
const expect = (isTrue, text) => {
  if (!isTrue) problems.push(text);
  say(`${isTrue ? 'ok  ' : 'FAIL'} ${text}`);
};

const settings = [
  '--model',
  'vit',
  '--model-options',
  'layers=3,width=16,heads=2,patch=8',
  '--data',
  'synthetic:digits',
  '--data-options',
  'samples=119',
  '--batch',
  '16',
  '--micro-batch',
  '2',
  '--eval-every',
  '1000 steps',
  '--replan',
  'off',
  '--program-cache',
  join(folder, 'programs'),
];
const freezing = [
  '--freeze',
  'manual',
  '--freeze-schedule',
  `${Math.round(steps * 0.6)}:1,${Math.round(steps * 0.85)}:2`,
];
const children = new Set();

function watch(child, onLine = () => undefined) {
  children.add(child);
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  createInterface({ input: child.stdout }).on('line', onLine);
  const end = new Promise((resolve) =>
    child.once('close', (code, signal) => (children.delete(child), resolve({ end: signal ?? code, errors }))),
  );
  return { child, end };
}
const stdio = { stdio: ['ignore', 'pipe', 'pipe'] };
const train = (host, name, args, onEvent) => {
  const command = [main, 'train', ...settings, ...args, '--out', join(folder, name), '--json'];
  return watch(
    host === null
      ? spawn(process.execPath, command, stdio)
      : hosts.spawn(host, process.execPath, command, { ...stdio, env: { ...process.env, PIPETRAIN_TOKEN: TOKEN } }),
    (line) => onEvent?.(JSON.parse(line)),
  );
};
const join_ = (host, url, args = ['--token', TOKEN]) =>
  watch(hosts.spawn(host, process.execPath, [main, 'worker', '--join', url, '--name', `host${host}`, ...args], stdio));
const hashesOf = (name) => {
  const finished = readEvents(join(folder, name, 'events.jsonl')).findLast(({ type }) => type === 'run.finished');
  return finished === undefined ? 'no end' : `${finished.lossSha256} ${finished.weightsSha256}`;
};
const reference = async (name, args) => {
  const { end, errors } = await train(null, name, ['--devices', 'cpu:1', '--cache', 'off', '--dp', 'off', ...args]).end;
  if (end !== 0) throw new Error(`the undisturbed run ended with ${end}: ${errors}`);
  return hashesOf(name);
};
/** Everything a stranger gets to hear from a port when it says `text`, until it is cut. */
const talkTo = (host, address, text) => {
  const [, to, port] = /^(.*):(\d+)$/.exec(address);
  const code =
    'const ' +
    `s=require('net').connect(${port},'${to}');s.setTimeout(8000,()=>{console.log('HANGS');process.exit()});s.on('data',d=>process.stdout.write(d));s.on('close',()=>process.exit());s.on('error',()=>{});s.write(${JSON.stringify(text)})`;
  let heard = '';
  const { child, end } = watch(
    hosts.spawn(host, process.execPath, ['-e', code], stdio),
    (line) => (heard += `${line}\n`),
  );
  void child;
  return end.then(() => heard);
};

let hosts = new Hosts(3);
const ends = [];
try {
  const url = `ws://${hosts.addressOf(0)}:${PORT}`;
  const listen = [
    '--listen',
    `${hosts.addressOf(0)}:${PORT}`,
    '--heartbeat-seconds',
    String(HEARTBEAT_SECONDS),
    '--step-timeout-seconds',
    '20',
    '--checkpoint-every',
    '700 steps',
  ];

  // 1. One run from its start to its end: a pipeline over two hosts, then replicas; a cable pulled and put back, a
  // worker killed, one that leaves.
  say(`${steps} steps, undisturbed`);
  const undisturbed = await reference('undisturbed', ['--steps', String(steps), ...freezing]);
  say('the same over three hosts');
  const story = [];
  let step = 0;
  let last = 0;
  let workers = new Map();
  const tell = (text) => {
    story.push(text);
    last = step;
    say(`step ${String(step).padStart(5)}  ${text}`);
  };
  let guest = null;
  let isOpen;
  const opened = new Promise((resolve) => (isOpen = resolve));
  const acts = [
    { when: () => seated(1), act: () => (hosts.setCable(1, false), tell('the cable of host 1 is pulled')) },
    { when: () => has('recovered'), act: () => (hosts.setCable(1, true), tell('the cable of host 1 is in again')) },
    {
      when: () => seated(1),
      act: () => (process.kill(workers.get(seated(1)).pid, 'SIGKILL'), tell('the worker of host 1 is killed')),
    },
    { when: () => has('recovered'), act: () => ((guest = join_(2, url)), ends.push(guest.end), tell('host 2 joins')) },
    {
      when: () => frozen > 0 && seated(2),
      act: () => (guest.child.kill('SIGTERM'), tell('the worker of host 2 is asked to leave')),
    },
    { when: () => has('worker.left'), act: () => (ends.push(join_(1, url).end), tell('host 1 joins again')) },
  ];
  let plan = null;
  let frozen = 0;
  let news = [];
  const seated = (host) =>
    plan?.stages.map(({ worker }) => worker).find((worker) => workers.get(worker)?.origin?.host === `host${host}`);
  const has = (type) => news.includes(type);
  const run = train(
    0,
    'disturbed',
    ['--steps', String(steps), ...freezing, ...listen, '--devices', 'cpu:1', '--replicas', '1', '--verify-cache'],
    (event) => {
      news.push(event.type);
      if (event.type === 'step') step = event.step;
      if (event.type === 'worker.joined') workers.set(event.worker, event);
      if (event.type === 'plan.made') {
        plan = event;
        frozen = event.frozen ?? frozen;
      }
      if (event.type === 'transition')
        tell(
          `${event.from.K}x${event.from.R} becomes ${event.to.K}x${event.to.R}, ${event.frozen} blocks ` +
            `frozen, ${(event.movedBytes / 1e6).toFixed(2)} MB moved in ${(event.seconds * 1000).toFixed(0)} ms`,
        );
      if (event.type === 'recovered')
        tell(
          `recovered from the loss of ${event.lost} in ${event.seconds.toFixed(2)} s, back to step ${event.fromStep}`,
        );
      if (['worker.lost', 'worker.left', 'warning', 'checkpoint.failed', 'peer.dropped'].includes(event.type))
        tell(`${event.type} ${event.worker ?? ''} ${event.reason ?? event.message ?? ''}`);
      if (event.type === 'step' && step > 20) isOpen();
      if (event.type === 'step' && acts.length > 0 && step - last > PAUSE && acts[0].when()) {
        news = [];
        acts.shift().act();
      }
    },
  );
  await Promise.race([opened, run.end]);
  const wrong = join_(1, url, ['--token', 'another token']);
  ends.push(join_(1, url).end);
  const refused = await wrong.end;
  expect(refused.end === 2 && /PT_TOKEN/.test(refused.errors), `a wrong token is refused (exit ${refused.end})`);
  const disturbed = await run.end;
  expect(
    disturbed.end === 0,
    `the run over three hosts ends with 0 (${disturbed.end}) ${disturbed.end === 0 ? '' : disturbed.errors}`,
  );
  expect(
    acts.length === 0,
    `all that was to happen happened${acts.length === 0 ? '' : `: ${acts.length} acts did not, the run was too short`}`,
  );
  const events = readEvents(join(folder, 'disturbed', 'events.jsonl'));
  const shapes = events.filter(({ type }) => type === 'transition').map(({ to }) => `${to.K}x${to.R}`);
  expect(
    shapes.includes('2x1') && shapes.includes('1x2'),
    `it was a pipeline over hosts and replicas over hosts: ${shapes.join(', ')}`,
  );
  expect(
    events.filter(({ type }) => type === 'recovered').length >= 2,
    `it recovered: ${events
      .filter(({ type }) => type === 'recovered')
      .map(({ seconds }) => `${seconds.toFixed(2)} s`)
      .join(', ')}`,
  );
  expect(
    hashesOf('disturbed') === undisturbed,
    `equal to the undisturbed run: losses ${undisturbed.slice(0, 16)}, weights ${undisturbed.slice(65, 81)}`,
  );
  say(`hosts' workers end with ${(await Promise.all(ends.splice(0))).map(({ end }) => end).join(', ')}`);

  // 2. The same port with TLS: a pipeline over three hosts; who speaks plain text gets nowhere, neither at the run's
  // port nor at those of the workers.
  const short = ['--steps', '1200'];
  const plain = await reference('plain', short);
  const certificate = makeOwnCertificate();
  const files = ['cert', 'key'].map((name) => join(folder, `${name}.pem`));
  for (const [i, path] of files.entries()) writeFileSync(path, [certificate.cert, certificate.key][i], { mode: 0o600 });
  const trusted = ['--token', TOKEN, '--tls-fingerprint', fingerprintOf(certificate.cert)];
  const secureUrl = url.replace('ws:', 'wss:');
  let isReady;
  const ready = new Promise((resolve) => (isReady = resolve));
  let isThree;
  const three = new Promise((resolve) => (isThree = resolve));
  const dropped = [];
  const secure = train(
    0,
    'secure',
    [...short, ...listen, '--devices', 'cpu:1', '--replicas', '1', '--tls-cert', files[0], '--tls-key', files[1]],
    (event) => {
      if (event.type === 'step') isReady();
      if (event.type === 'peer.dropped') dropped.push(`${event.peer}: ${event.reason}`);
      if (event.type === 'transition') say(`${event.from.K}x${event.from.R} becomes ${event.to.K}x${event.to.R}`);
      if (event.type === 'transition' && event.to.K === 3) isThree();
    },
  );
  await Promise.race([ready, secure.end]);
  for (const host of [1, 2]) ends.push(join_(host, secureUrl, trusted).end);
  const plainJoin = await join_(1, url).end;
  expect(
    plainJoin.end === 2 && /PT_TLS/.test(plainJoin.errors),
    `a plain-text worker against TLS is refused (exit ${plainJoin.end})`,
  );
  const other = await join_(2, secureUrl, [
    '--token',
    TOKEN,
    '--tls-fingerprint',
    fingerprintOf(makeOwnCertificate().cert),
  ]).end;
  expect(other.end === 2 && /PT_TLS_CERT/.test(other.errors), `another fingerprint is refused (exit ${other.end})`);
  await Promise.race([three, secure.end]);
  for (const host of [0, 1, 2]) {
    const ports = hosts.listeners(host);
    expect(
      ports.length > 0 && ports.every((address) => address.startsWith(`${hosts.addressOf(host)}:`)),
      `host ${host} listens on its own address alone: ${ports.join(' ')}`,
    );
    for (const address of ports) {
      const heard = await talkTo(host === 1 ? 2 : 1, address, 'GET / HTTP/1.1\r\n\r\n');
      expect(
        /426 Upgrade Required/.test(heard) && /TLS/.test(heard),
        `plain text at ${address} is told that this port speaks TLS`,
      );
      const garbage = await talkTo(host === 1 ? 2 : 1, address, `\x16${'garbage'.repeat(100)}`);
      expect(!/HANGS/.test(garbage), `garbage at ${address} is cut`);
    }
  }
  const secured = await secure.end;
  expect(secured.end === 0, `the run with TLS ends with 0 (${secured.end}) ${secured.end === 0 ? '' : secured.errors}`);
  expect(
    hashesOf('secure') === plain,
    `equal to the undisturbed run: losses ${plain.slice(0, 16)}, weights ${plain.slice(65, 81)}`,
  );
  expect(dropped.length >= 6, `the events tell of ${dropped.length} that were dropped`);
  await Promise.all(ends.splice(0));

  // 3. Only two workers cannot hear each other any more; the coordinator hears both.
  const aside = await reference('aside', ['--steps', '1500']);
  let isOpenAgain;
  const openAgain = new Promise((resolve) => (isOpenAgain = resolve));
  let isPiped;
  const piped = new Promise((resolve) => (isPiped = resolve));
  let cutAt = 0;
  let isMended;
  const mended = new Promise((resolve) => (isMended = resolve));
  const apart = train(
    0,
    'apart',
    ['--steps', '1500', ...listen, '--step-timeout-seconds', '120', '--devices', 'cpu:1', '--replicas', '1'],
    (event) => {
      if (event.type === 'transition') say(`${event.from.K}x${event.from.R} becomes ${event.to.K}x${event.to.R}`);
      if (event.type === 'step') isOpenAgain();
      if (event.type === 'transition' && event.to.K === 3) isPiped();
      if (['worker.lost', 'warning'].includes(event.type))
        say(`${event.type} ${event.worker ?? ''} ${event.reason ?? event.message ?? ''}`);
      if (event.type === 'recovered' && cutAt > 0) isMended();
    },
  );
  await Promise.race([openAgain, apart.end]);
  for (const host of [1, 2]) ends.push(join_(host, url).end);
  await Promise.race([piped, apart.end]);
  await sleep(1000);
  cutAt = performance.now();
  hosts.setPath(1, 2, false);
  say('hosts 1 and 2 do not reach each other any more');
  await Promise.race([mended, apart.end]);
  const after = (performance.now() - cutAt) / 1000;
  hosts.setPath(1, 2, true);
  expect(
    after < 60,
    `that is noticed without the step's time being over, and the run goes on, after ${after.toFixed(1)} s`,
  );
  const separated = await apart.end;
  expect(separated.end === 0, `the run ends with 0 (${separated.end}) ${separated.end === 0 ? '' : separated.errors}`);
  expect(
    hashesOf('apart') === aside,
    `equal to the undisturbed run: losses ${aside.slice(0, 16)}, weights ${aside.slice(65, 81)}`,
  );
  await Promise.all(ends);
} catch (error) {
  problems.push(error.stack);
} finally {
  for (const child of children) child.kill('SIGKILL');
  await sleep(500);
  const running = [...children].length;
  hosts.close();
  if (hosts.left().length > 0) problems.push(`namespaces are left: ${hosts.left()}`);
  if (running > 0) problems.push(`${running} processes had to be killed`);
  if (options.keep !== undefined) {
    mkdirSync(options.keep, { recursive: true });
    cpSync(folder, options.keep, { recursive: true });
  }
  rmSync(folder, { recursive: true, force: true });
  if (existsSync(folder) || readdirSync(tmpdir()).includes(folder)) problems.push(`${folder} is left`);
}
say(
  problems.length === 0
    ? 'nothing is left behind; all runs equal the undisturbed ones'
    : `FAILED:\n${problems.join('\n')}`,
);
process.exit(problems.length === 0 ? 0 : 1);
