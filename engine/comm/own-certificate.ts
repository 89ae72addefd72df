// OwnCertificate: a key and a certificate that a process makes for itself, for as long as it lives. Nobody has signed
// it and it names nobody: who dials knows its fingerprint from somewhere that is trusted already (tls.ts). It is
// written as DER by hand, because Node.js reads certificates but makes none.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { Credentials } from './tls.js';

/** Tags of ASN.1 (X.690) as far as a certificate needs them. */
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const VERSION = 0xa0;

/** 1.2.840.10045.4.3.2 and 2.5.4.3. */
const ECDSA_WITH_SHA256 = Buffer.from('2a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('550403', 'hex');

/** One element: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const algorithm = der(SEQUENCE, der(OBJECT_ID, ECDSA_WITH_SHA256));

/**
 * A self-signed certificate (X.509 v3, ECDSA on P-256) with its key, PEM. Its dates mean nothing: clocks of hosts
 * differ, and it is pinned.
 */
export function makeOwnCertificate(): Credentials {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and of full length
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, der(OBJECT_ID, COMMON_NAME), der(UTF8_STRING, Buffer.from('pipetrain worker')))),
  );
  const content = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    algorithm,
    name,
    // RFC 5280, 4.1.2.5: no date of expiry.
    der(SEQUENCE, der(UTC_TIME, Buffer.from('700101000000Z')), der(GENERALIZED_TIME, Buffer.from('99991231235959Z'))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const certificate = der(
    SEQUENCE,
    content,
    algorithm,
    der(BIT_STRING, Buffer.from([0]), sign('sha256', content, privateKey)),
  );
  const lines = certificate.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
