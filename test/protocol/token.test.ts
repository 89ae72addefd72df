import { describe, expect, it } from 'vitest';
import { makeToken, requireStrongToken } from '../../engine/protocol/token.js';
import { errorOf } from '../error-of.js';

const onLoopback = (token: string): void => requireStrongToken(token, '127.0.0.1', true);
const open = (token: string): void => requireStrongToken(token, '0.0.0.0', false);

describe('a token', () => {
  it('that is made here will do anywhere, and is another one each time', () => {
    const tokens = Array.from({ length: 200 }, makeToken);
    expect(new Set(tokens).size).toBe(200);
    for (const token of tokens) open(token);
  });

  it.each([
    'correct horse battery staple',
    'e2c1b2f0a4d94c8fb1a6a5d3e97f8c20', // openssl rand -hex 16
    '0d6f2d3e-6f0c-4e57-9a3a-6a4b0f2b8f11', // a UUID
  ])('of some length will do anywhere: %s', (token) => {
    expect(() => open(token)).not.toThrow();
    expect(() => onLoopback(token)).not.toThrow();
  });

  it.each(['', 'a', '0000', '4711', 'secret', 'fifteen chars..'])('that is short will do nowhere: "%s"', (token) => {
    for (const check of [open, onLoopback]) expect(errorOf(() => check(token)).code).toBe('PT_TOKEN_WEAK');
  });

  it.each(['a'.repeat(40), 'ab'.repeat(20), '12345678'.repeat(4)])(
    'that repeats itself will do nowhere: %s',
    (token) => {
      for (const check of [open, onLoopback]) expect(errorOf(() => check(token)).code).toBe('PT_TOKEN_WEAK');
    },
  );

  it('may be shorter where only this host reaches it', () => {
    onLoopback('sixteen letters!');
    expect(() => open('sixteen letters!')).toThrow(
      'the token has 16 characters, at least 22 are wanted where the run listens on 0.0.0.0',
    );
  });
});
