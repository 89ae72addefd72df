// Manifest of a checkpoint: what it is of, what it was computed with, the digest of every file, and a digest over all
// of that. The digest finds damage and edits by hand, not somebody who makes a new one; the seal says whether this user
// wrote it.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readBoundedText } from '../core/bounded-file.js';
import { DataError, messageOf } from '../core/errors.js';
import { LEGEND_FILE } from '../data/legend.js';
import { freezerStateSchema } from '../freezing/freezer-state.js';
import { growerStateSchema } from '../growing/grower-state.js';
import { blockProgramsSchema } from '../model/block-programs.js';
import { modelSourceSchema } from '../model/model-source.js';
import { arithmeticSchema } from '../run/arithmetic.js';
import type { OwnKey } from '../run/own-key.js';
import { progressSchema } from '../run/progress.js';
import { trainedStartSchema } from '../run/trained-start.js';
import { MANIFEST_FILE } from './checkpoint-folder.js';

const FORMAT = 'pipetrain-checkpoint-6';
/** Text of this length is the longest that there is; a run of ten million steps has less. */
const LIMIT = { maxBytes: 500 * 2 ** 20, remedy: 'Use another checkpoint of the run.' };
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.number().int().nonnegative();

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  step: z.number().int().nonnegative(),
  seed: z.number().int(),
  config: z.record(z.string(), z.unknown()),
  plan: z.record(z.string(), z.unknown()),
  /** Where the model came from. */
  model: modelSourceSchema,
  /** What its blocks compute. */
  programs: blockProgramsSchema,
  arithmetic: arithmeticSchema,
  dataDigest: z.string(),
  /** The file that tells what tokens and classes the numbers of the data stand for (engine/data/legend.ts). */
  legend: z.object({ file: z.literal(LEGEND_FILE), bytes: size, sha256 }),
  /** How much of the model was trained before the first step of the run. */
  trained: trainedStartSchema,
  weightsSha256: z.string(),
  progress: progressSchema,
  freezer: freezerStateSchema,
  grower: growerStateSchema,
  /** Blocks of the model that did not exist yet. */
  absent: z.array(z.number().int().nonnegative()),
  /** Where the data goes on: `batch` batches of epoch `epoch` are done. */
  cursor: z.object({ epoch: z.number().int(), batch: z.number().int() }).optional(),
  /** The file that tells what the activation cache held (cache-manifest.ts). */
  cache: z.object({ file: z.literal('cache.json'), bytes: size, sha256 }).optional(),
  /** One for each block that there was, in their order. */
  files: z.array(
    z.object({
      block: z.number().int(),
      file: z.string().regex(/^block-\d{4,}\.safetensors$/),
      bytes: size,
      sha256,
    }),
  ),
  /** SHA-256 over everything else in canonical form. */
  digest: sha256,
  /** By the key of the user who wrote it; null where there was none. */
  seal: z.string().max(200).nullable(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type BlockFile = Manifest['files'][number];

/** The file of one block. */
export const blockFile = (index: number): string => `block-${String(index).padStart(4, '0')}.safetensors`;

/** The text of a manifest, with its digest and its seal. */
export function manifestText(body: Omit<Manifest, 'format' | 'digest' | 'seal'>, key: OwnKey | null): string {
  // As it will be read: a value that JSON leaves out is not part of it.
  const plain = JSON.parse(JSON.stringify({ format: FORMAT, ...body })) as Record<string, unknown>;
  const digest = digestOf(plain);
  return JSON.stringify({ ...plain, digest, seal: key?.seal(digest) ?? null });
}

/**
 * Reads and checks the manifest of a checkpoint folder. Throws a DataError: PT_CHECKPOINT_MISSING where there is none,
 * PT_CHECKPOINT_FORMAT where another version wrote it, PT_CHECKPOINT_BROKEN where it is not what was written.
 */
export function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST_FILE);
  const raw = parse(read(path, folder));
  if (raw === null) throw brokenFile(path, 'it is no JSON object');
  if (typeof raw['format'] === 'string' && raw['format'] !== FORMAT)
    throw new DataError(
      'PT_CHECKPOINT_FORMAT',
      `${path} has the format ${raw['format'].slice(0, 40)}, this version reads ${FORMAT}`,
      'Go on with the version of pipetrain that wrote it.',
    );
  const { digest, seal: _seal, ...rest } = raw;
  const found = digestOf(rest);
  if (digest !== found)
    throw brokenFile(
      path,
      `its content has the SHA-256 ${found.slice(0, 12)}..., it says ${String(digest).slice(0, 12)}...: it was ` +
        'damaged, or edited',
    );
  const parsed = manifestSchema.safeParse(raw);
  if (!parsed.success) throw brokenFile(path, `it is no manifest: ${parsed.error.issues[0]?.message ?? ''}`);
  const { files, absent } = parsed.data;
  const there = Array.from({ length: files.length + absent.length }, (_, block) => block).filter(
    (block) => !absent.includes(block),
  );
  const wrong = files.findIndex(({ block, file }, i) => block !== there[i] || file !== blockFile(block));
  if (wrong >= 0)
    throw brokenFile(path, `its file ${wrong} is not ${blockFile(there[wrong] ?? wrong)} of block ${there[wrong]}`);
  return parsed.data;
}

/** The error of a file of a checkpoint that is not what was written. */
export const brokenFile = (path: string, why: string, cause?: unknown): DataError =>
  new DataError('PT_CHECKPOINT_BROKEN', `${path} is damaged: ${why}`, 'Use another checkpoint of the run.', { cause });

function read(path: string, folder: string): string {
  try {
    return readBoundedText(path, LIMIT);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'))
      throw brokenFile(path, messageOf(cause), cause);
    throw new DataError(
      'PT_CHECKPOINT_MISSING',
      `${folder} holds no checkpoint (${MANIFEST_FILE} is missing)`,
      'Name a run folder whose training reached its end, or a folder below checkpoints/.',
      { cause },
    );
  }
}

/** Null for what is no JSON object. */
function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** The same for two objects with the same content, in whatever order their names stand. */
const digestOf = (value: Readonly<Record<string, unknown>>): string =>
  createHash('sha256').update(JSON.stringify(value, inOrder)).digest('hex');

const inOrder = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;
