// Markup: what is put into it becomes no tag, whatever it is.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markup } from '../../cli/report/markup.js';

const anyText = fc.array(fc.integer({ min: 0, max: 0x10ffff })).map((codes) => String.fromCodePoint(...codes));

describe('markup', () => {
  test('escapes what is put between tags and into attributes, and joins lists', () => {
    const hostile = '"><script>alert(1)</script>';
    expect(markup`<b title="${hostile}">${hostile}</b>`.text).not.toContain('<script');
    expect(markup`<b>${[1, 'a<b', markup`<i>${'&'}</i>`]}${null}${undefined}</b>`.text).toBe(
      '<b>1a&#60;b<i>&#38;</i></b>',
    );
  });

  test('takes nothing for markup that the template has not made', () => {
    const forged = { text: '<script>alert(1)</script>', constructor: { name: 'Markup' } };
    expect(markup`<b>${forged}</b>`.text).not.toContain('<script');
    expect(markup`<b>${['<i>', { a: '<i>' }, true]}</b>`.text).toBe(
      '<b>&#60;i&#62;{&#34;a&#34;:&#34;&#60;i&#62;&#34;}true</b>',
    );
  });

  test('leaves no character of a text that means something to HTML or turns the line around', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { text: shown } = markup`${text}`;
        expect(shown).not.toMatch(/[<>"'`]|&(?!#\d+;)/);
        expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
  });
});
