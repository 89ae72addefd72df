// Made-up text: a story from a small grammar, and reviews whose mood follows from their words. Drawn from a seed; no
// language data inside.
import type { RandomKey } from '../core/random.js';
import { randomKey, uniformAt } from '../core/random.js';

const pick = <T>(list: readonly T[], key: RandomKey, counter: number): T =>
  list[Math.floor(uniformAt(key, counter) * list.length)] as T;

const WHO = [
  'the cat',
  'the old sailor',
  'a small robot',
  'the queen',
  'my brother',
  'the baker',
  'a tall stranger',
  'the teacher',
];
const DID = ['found', 'painted', 'lost', 'carried', 'repaired', 'followed', 'sold', 'remembered'];
const WHAT = [
  'a red lamp',
  'the broken clock',
  'seven letters',
  'a silver key',
  'the last map',
  'an empty boat',
  'the blue door',
  'a loaf of bread',
];
const WHERE = [
  'in the garden',
  'near the harbour',
  'behind the mill',
  'under the bridge',
  'on the hill',
  'at the market',
];

/** At least `length` characters, cut to exactly that many. `part` separates streams of one seed. */
export function makeStory(length: number, seed: number, part: string): string {
  const sentences: string[] = [];
  for (let i = 0, total = 0; total < length; i++) {
    const key = randomKey(seed, 'synthetic:text', part, i);
    const place = uniformAt(key, 3) < 0.6 ? ` ${pick(WHERE, key, 4)}` : '';
    const sentence = `${pick(WHO, key, 0)} ${pick(DID, key, 1)} ${pick(WHAT, key, 2)}${place}.\n`;
    sentences.push(sentence);
    total += sentence.length;
  }
  return sentences.join('').slice(0, length);
}

const GOOD = ['wonderful', 'moving', 'clever', 'bright', 'charming', 'superb', 'funny', 'honest', 'rich', 'elegant'];
const BAD = ['dull', 'clumsy', 'empty', 'tedious', 'noisy', 'awful', 'stale', 'bland', 'confused', 'lazy'];
const THING = ['film', 'story', 'plot', 'ending', 'cast', 'score', 'script', 'scene'];
const OPENING = ['i thought', 'we felt', 'critics say', 'everyone agrees', 'it seems'];
const DEGREE = ['', 'very ', 'quite ', 'truly '];

/** Reviews with label 1 (good) or 0 (bad). A third of them says it by denying the opposite. */
export function makeReviews(samples: number, seed: number): { texts: string[]; labels: Int32Array } {
  const labels = new Int32Array(samples);
  const texts = Array.from({ length: samples }, (_, id) => {
    const key = randomKey(seed, 'synthetic:sentiment', id);
    const isGood = uniformAt(key, 0) < 0.5;
    const isDenied = uniformAt(key, 1) < 1 / 3;
    labels[id] = isGood ? 1 : 0;
    const mood = pick(isGood === isDenied ? BAD : GOOD, key, 2);
    return (
      `${pick(OPENING, key, 3)} the ${pick(THING, key, 4)} was ` +
      `${isDenied ? 'not ' : ''}${pick(DEGREE, key, 5)}${mood} in the ${pick(THING, key, 6)}`
    );
  });
  return { texts, labels };
}
