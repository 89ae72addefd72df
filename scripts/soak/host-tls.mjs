// The port of a run with TLS: a pipeline over three hosts; who speaks plain text gets nowhere, neither at the run's
// port nor at those of the workers.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeOwnCertificate } from '#dist/engine/comm/own-certificate.js';
import { fingerprintOf } from '#dist/engine/comm/tls.js';
import { shapesOf, signal } from './host-ground.mjs';

/** @typedef {import('./host-ground.mjs').HostGround} HostGround */

/** Every port of a host is its own, and hears no plain text. @param {HostGround} ground @param {number} host */
async function tryPorts(ground, host) {
  const ports = ground.hosts.listeners(host);
  ground.expect(
    ports.length > 0 && ports.every((address) => address.startsWith(`${ground.hosts.addressOf(host)}:`)),
    `host ${host} listens on its own address alone: ${ports.join(' ')}`,
  );
  const from = host === 1 ? 2 : 1;
  for (const address of ports) {
    const heard = await ground.talkTo(from, address, 'GET / HTTP/1.1\r\n\r\n');
    ground.expect(
      /426 Upgrade Required/.test(heard) && /TLS/.test(heard),
      `plain text at ${address} is told that this port speaks TLS`,
    );
    const garbage = await ground.talkTo(from, address, `\x16${'garbage'.repeat(100)}`);
    ground.expect(!/HANGS/.test(garbage), `garbage at ${address} is cut`);
  }
}

/**
 * @param {HostGround} ground
 * @param {{ steps: number }} options
 */
export async function tryTls(ground, { steps }) {
  const length = ['--steps', String(steps)];
  const plain = await ground.reference('plain', length);
  const certificate = makeOwnCertificate();
  const [certPath, keyPath] = ['cert', 'key'].map((name) => join(ground.folder, `${name}.pem`));
  if (certPath === undefined || keyPath === undefined) return;
  writeFileSync(certPath, certificate.cert, { mode: 0o600 });
  writeFileSync(keyPath, certificate.key, { mode: 0o600 });
  const trusting = (/** @type {string} */ cert) => ['--tls-fingerprint', fingerprintOf(cert)];
  const url = ground.url.replace('ws:', 'wss:');
  const ready = signal();
  const three = signal();
  /** @type {string[]} */
  const dropped = [];
  const shape = ['--devices', 'cpu:1', '--replicas', '1', '--tls-cert', certPath, '--tls-key', keyPath];
  const run = ground.train(0, 'secure', [...length, ...ground.listening, ...shape], (event) => {
    if (event.type === 'step') ready.give();
    if (event.type === 'peer.dropped') dropped.push(`${event.peer}: ${event.reason}`);
    if (event.type !== 'transition') return;
    ground.say(shapesOf(event));
    if (event.to.K === 3) three.give();
  });
  await Promise.race([ready.given, run.ended]);
  const ends = [1, 2].map((host) => ground.join(host, url, trusting(certificate.cert)).ended);
  const plainJoin = await ground.join(1, ground.url).ended;
  ground.expect(
    plainJoin.end === 2 && /PT_TLS/.test(plainJoin.errors),
    `a plain-text worker against TLS is refused (exit ${plainJoin.end})`,
  );
  const other = await ground.join(2, url, trusting(makeOwnCertificate().cert)).ended;
  ground.expect(
    other.end === 2 && /PT_TLS_CERT/.test(other.errors),
    `another fingerprint is refused (exit ${other.end})`,
  );
  await Promise.race([three.given, run.ended]);
  for (const host of [0, 1, 2]) await tryPorts(ground, host);
  ground.expectEnd('the run with TLS', await run.ended);
  ground.expectHashes('secure', plain);
  ground.expect(dropped.length >= 6, `the events tell of ${dropped.length} that were dropped`);
  await Promise.all(ends);
}
