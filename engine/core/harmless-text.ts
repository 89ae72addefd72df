// HarmlessText: text of others (labels, names of files, of workers and of hosts, errors, generated text) as it may be
// shown. A terminal obeys control characters, and direction marks let a line read as another one; here each becomes a
// dot, so that nothing is moved, hidden or overwritten, and every character still has its place. What HTML makes of a
// text is in cli/report/markup.ts.

/**
 * Control characters (C0 but tab and line feed, DEL, C1), marks of direction and invisible ones, the line breaks of
 * Unicode, tags, and halves of surrogate pairs. The joiners that some scripts need are not among them.
 */
const HARMFUL = new RegExp(
  '[' +
    '\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f' +
    '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069' +
    '\\u00ad\\u180e\\u200b\\u2028\\u2029\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb' +
    '\\u{e0000}-\\u{e007f}\\p{Cs}' +
    ']',
  'gu',
);

/** The text with a dot for everything that is not shown but obeyed. Tabs and line feeds stay. */
export const harmless = (text: string): string => text.replace(HARMFUL, '·');

/** The same as one line. */
export const harmlessLine = (text: string): string => harmless(text).replaceAll('\n', '·');

/** JSON of a value, which any reader takes for the same value, and in which nothing is harmful as it stands. */
export const harmlessJson = (value: unknown, indent?: number): string =>
  (JSON.stringify(value, null, indent) ?? 'null').replace(HARMFUL, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );
