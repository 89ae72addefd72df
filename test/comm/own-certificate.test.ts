import { createPrivateKey, X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { listen, type Listener } from '../../engine/comm/listen.js';
import { makeOwnCertificate } from '../../engine/comm/own-certificate.js';
import { fingerprintOf } from '../../engine/comm/tls.js';

const listeners: Listener[] = [];
afterEach(async () => void (await Promise.all(listeners.splice(0).map((listener) => listener.close()))));

describe('a certificate that a process makes for itself', () => {
  it('is one that others can read, signed with its own key, and new every time', () => {
    const [one, other] = [makeOwnCertificate(), makeOwnCertificate()];
    const read = new X509Certificate(one.cert);
    expect(read.subject).toBe('CN=pipetrain worker');
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.checkPrivateKey(createPrivateKey(one.key))).toBe(true);
    expect(fingerprintOf(one.cert)).not.toBe(fingerprintOf(other.cert));
  });

  it('opens a port that is believed by its fingerprint alone, whatever its length turns out to be', async () => {
    for (let i = 0; i < 20; i++) {
      const tls = makeOwnCertificate();
      const listener = await listen({ token: 'secret', tls, onPeer: () => undefined });
      listeners.push(listener);
      const peer = await dial(listener.url, {
        token: 'secret',
        hello: { name: 'w' },
        trust: { fingerprint: fingerprintOf(tls.cert) },
      });
      expect(peer.isOpen).toBe(true);
      peer.close();
      await expect(
        dial(listener.url, {
          token: 'secret',
          hello: { name: 'w' },
          trust: { fingerprint: fingerprintOf(makeOwnCertificate().cert) },
        }),
      ).rejects.toMatchObject({ code: 'PT_TLS_CERT' });
    }
  });
});
