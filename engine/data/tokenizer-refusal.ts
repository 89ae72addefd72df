// TokenizerRefusal: the error for a tokenizer whose files say something that is not done here exactly as they say it.
// Ids that are nearly right would train on rows that mean something else.
import { DataError } from '../core/errors.js';

const REMEDY =
  'save the tokenizer with save_pretrained of a current transformers, or use the files as they came with the model';

/** `what` names the piece, and both values where two contradict. */
export const refused = (file: string, what: string, remedy = REMEDY): DataError =>
  new DataError('PT_TOKENIZER', `${file}: ${what}`, remedy);

/** A piece that is not known, or not with this setting. */
export const unsupported = (file: string, what: string): DataError =>
  refused(
    file,
    `${what} is not supported`,
    'use a model whose tokenizer has none; what is supported stands in docs/pretrained.md',
  );
