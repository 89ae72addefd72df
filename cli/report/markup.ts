// Markup: HTML and SVG as a type of its own. Only the template `markup` makes it, and the template escapes whatever is
// put into it that is not markup already: text of others cannot become tags because somebody forgot something, nor can
// a text that stands where a number should.
import { harmless } from '../../engine/core/harmless-text.js';

export class Markup {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  /** Literals are taken as they stand; `parts` are escaped unless they are markup; lists are joined. */
  static of(literals: readonly string[], parts: readonly unknown[]): Markup {
    return new Markup(literals.map((literal, i) => `${i === 0 ? '' : shown(parts[i - 1])}${literal}`).join(''));
  }
}

/** Text between tags or inside a quoted attribute; null and undefined are nothing. */
export const markup = (literals: TemplateStringsArray, ...parts: readonly unknown[]): Markup =>
  Markup.of(literals, parts);

function shown(part: unknown): string {
  if (part instanceof Markup) return part.text;
  if (Array.isArray(part)) return part.map(shown).join('');
  return part === null || part === undefined ? '' : escaped(typeof part === 'string' ? part : JSON.stringify(part));
}

const escaped = (text: string): string => harmless(text).replace(/[&<>"'`]/g, (char) => `&#${char.charCodeAt(0)};`);
