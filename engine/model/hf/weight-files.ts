// WeightFiles: which tensors a model folder holds and at which bytes of which file: safetensors, or what torch.save
// wrote, in one file or in several. Only what describes the tensors is read here.
import { closeSync, existsSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DESCRIPTION_BYTES, openRegularFile, readBoundedText } from '../../core/bounded-file.js';
import { ModelError, PipetrainError } from '../../core/errors.js';
import { JsonMembers, parseStrictJson, type StrictJson } from '../../core/strict-json.js';
import { readSafetensorsHeader, type StoredTensor } from '../../tensor/safetensors-header.js';
import { type Shape, sizeOf } from '../../tensor/shape.js';
import { readStoredZip } from './stored-zip.js';
import { readTensorPickle } from './tensor-pickle.js';

export type TensorIndex = ReadonlyMap<string, StoredTensor & { readonly path: string }>;

/** In the order of preference. The second of a pair lists the files where the weights are spread over several. */
const FORMATS = [
  { single: 'model.safetensors', list: 'model.safetensors.index.json', read: safetensors },
  { single: 'pytorch_model.bin', list: 'pytorch_model.bin.index.json', read: torchFile },
] as const;
/** Bytes of one element, by type. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};
/** A list of a thousand tensors has 0.2 MB. */
const LIMIT = { maxBytes: DESCRIPTION_BYTES, remedy: 'Download it again, or save the weights as model.safetensors.' };

const broken =
  (path: string) =>
  (why: string): ModelError =>
    new ModelError(
      'PT_MODEL_WEIGHTS',
      `${path} cannot be used: ${why}`,
      'download it again, or save it as model.safetensors',
    );

/** Every tensor of the folder. Throws ModelError PT_MODEL_WEIGHTS, or PT_HF_FOLDER where there are no weights. */
export function readWeightFiles(folder: string): TensorIndex {
  for (const { single, list, read } of FORMATS) {
    if (existsSync(join(folder, single))) return located(join(folder, single), read);
    if (existsSync(join(folder, list))) return spread(folder, join(folder, list), read);
  }
  throw new ModelError(
    'PT_HF_FOLDER',
    `${folder} has no weights`,
    `it needs one of ${FORMATS.map(({ single }) => single).join(', ')}; other formats are not read`,
  );
}

function located(path: string, read: (path: string) => Iterable<StoredTensor>): TensorIndex {
  try {
    return new Map([...read(path)].map((tensor) => [tensor.name, { ...tensor, path }]));
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw broken(path)((error as Error).message);
  }
}

/** The tensors of the files that a list names: each in the one file that the list says. */
function spread(folder: string, list: string, read: (path: string) => Iterable<StoredTensor>): TensorIndex {
  const fail = broken(list);
  const places = placesIn(list, fail);
  const all = new Map<string, StoredTensor & { readonly path: string }>();
  for (const file of [...new Set(places.values())].sort()) {
    const path = join(folder, file);
    if (!existsSync(path)) throw fail(`it names the file ${file}, which is not there`);
    for (const [name, tensor] of located(path, read)) {
      const twin = all.get(name);
      if (twin !== undefined)
        throw fail(`the tensor ${name} is in two of its files, ${basename(twin.path)} and ${file}`);
      all.set(name, tensor);
    }
  }
  for (const [name, file] of places) {
    const found = all.get(name);
    if (found === undefined || basename(found.path) !== file)
      throw fail(
        `it says that the tensor ${name} is in ${file}, ` +
          (found === undefined ? 'which does not have it' : `but ${basename(found.path)} has it`),
      );
  }
  return all;
}

/** File of each tensor, as a list says. */
function placesIn(path: string, fail: (why: string) => ModelError): ReadonlyMap<string, string> {
  let list: StrictJson;
  try {
    list = parseStrictJson(readBoundedText(path, LIMIT));
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw fail(`it is no JSON: ${(error as Error).message}`);
  }
  const maps = list instanceof JsonMembers ? list.all.filter(([name]) => name === 'weight_map') : [];
  const map = maps[0]?.[1];
  if (maps.length !== 1 || !(map instanceof JsonMembers)) throw fail('it has no weight_map of tensors and files');
  const places = new Map<string, string>();
  for (const [name, file] of map.all) {
    if (typeof file !== 'string' || file === '') throw fail(`it names no file for the tensor ${name}`);
    // What lies beside the list, and nothing elsewhere.
    if (/[/\\]/.test(file) || file === '..' || file === '.')
      throw fail(`it names the file "${file}" outside of its folder`);
    if (places.has(name)) throw fail(`it names a file for the tensor ${name} twice`);
    places.set(name, file);
  }
  if (places.size === 0) throw fail('its weight_map is empty');
  return places;
}

function safetensors(path: string): Iterable<StoredTensor> {
  return readSafetensorsHeader(path, broken(path)).values();
}

/** A zip file with the list of tensors in `NAME/data.pkl` and the numbers of each storage in `NAME/data/KEY`. */
function* torchFile(path: string): Generator<StoredTensor> {
  const fail = broken(path);
  const entries = readStoredZip(path, fail);
  const [listName, other] = [...entries.keys()].filter((name) => name.endsWith('/data.pkl'));
  if (listName === undefined) throw fail('it has no list of tensors (data.pkl)');
  if (other !== undefined) throw fail(`it has two lists of tensors, ${listName} and ${other}`);
  const root = listName.slice(0, -'data.pkl'.length);
  const contentOf = (name: string): Buffer => {
    const { offset, bytes } = entries.get(name) ?? { offset: 0, bytes: 0 };
    if (bytes > LIMIT.maxBytes) throw fail(`its entry ${name} has ${bytes} bytes, at most ${LIMIT.maxBytes} are read`);
    return readPart(path, offset, bytes);
  };
  const order = contentOf(`${root}byteorder`).toString('utf8');
  if (order !== '' && order !== 'little') throw fail(`its numbers are stored ${order}-endian`);
  for (const [name, { storage, offset, shape, strides }] of readTensorPickle(contentOf(listName), fail)) {
    const entry = entries.get(`${root}data/${storage.key}`);
    const elementBytes = ELEMENT_BYTES[storage.dtype] ?? 0;
    const bytes = elementBytes * sizeOf(shape);
    const end = elementBytes * offset + bytes;
    if (entry === undefined || !Number.isSafeInteger(end) || end > entry.bytes)
      throw fail(`the numbers of ${name} are not all there`);
    if (elementBytes * storage.elements !== entry.bytes)
      throw fail(
        `the numbers of ${name} are ${storage.elements} ${storage.dtype} by its list of tensors, ` +
          `and ${entry.bytes} bytes by its directory`,
      );
    if (!isRowByRow(shape, strides))
      throw fail(`${name} is not stored row by row (shape [${shape.join(', ')}], strides [${strides.join(', ')}])`);
    yield { name, dtype: storage.dtype, shape, offset: entry.offset + elementBytes * offset, bytes };
  }
}

/** Whether the last index moves fastest and nothing lies in between; axes of length 1 may have any stride. */
function isRowByRow(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis] as number;
  }
  return strides.length === shape.length;
}

function readPart(path: string, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const { file } = openRegularFile(path);
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
  } finally {
    closeSync(file);
  }
}
