// ModelPlaces: from the bundle that a model file was made into and ran as, back to the file and the line that somebody
// wrote. It knows nothing of models.
import { SourceMap, type SourceMapPayload } from 'node:module';
import { isAbsolute, relative, resolve } from 'node:path';
import { cwd } from 'node:process';

const INLINE_MAP = /\/\/# sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)\s*$/;
/** Between a line of a model and the error about it stand more calls of TensorFlow.js than V8 writes down by itself. */
const FRAMES = 60;

export class ModelPlaces {
  readonly #path: string;
  readonly #code: string;
  #map: SourceMap | null = null;

  /** `code` ran under the file name `path`, an absolute one, and ends with its source map. */
  constructor(path: string, code: string) {
    this.#path = path;
    this.#code = code;
  }

  /** Runs `body` so that its errors know where they come from. */
  static remembering<T>(body: () => T): T {
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = Math.max(before, FRAMES);
    try {
      return body();
    } finally {
      Error.stackTraceLimit = before;
    }
  }

  /** `FILE:LINE:COLUMN` of the innermost line that an error, or what caused it, passed; null where it passed none. */
  of(error: unknown): string | null {
    if (!(error instanceof Error)) return null;
    return this.of(error.cause) ?? this.#inStack(error.stack ?? '');
  }

  #inStack(stack: string): string | null {
    for (const frame of stack.split('\n')) {
      const begin = frame.indexOf(`${this.#path}:`);
      const [, line, column] = /^:(\d+):(\d+)/.exec(begin < 0 ? '' : frame.slice(begin + this.#path.length)) ?? [];
      const place = line === undefined ? null : this.#written(Number(line), Number(column));
      if (place !== null) return place;
    }
    return null;
  }

  /** Both count from 1. */
  #written(line: number, column: number): string | null {
    if (process.sourceMapsEnabled) return `${shown(this.#path)}:${line}:${column}`;
    this.#map ??= mapIn(this.#code);
    const entry = this.#map?.findEntry(line - 1, column - 1);
    if (entry === undefined || !('originalSource' in entry)) return null;
    return `${shown(resolve(entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  }
}

function mapIn(code: string): SourceMap | null {
  const [, encoded] = INLINE_MAP.exec(code) ?? [];
  if (encoded === undefined) return null;
  return new SourceMap(JSON.parse(Buffer.from(encoded, 'base64').toString()) as SourceMapPayload);
}

/** As short as it can be named from here. */
function shown(path: string): string {
  const near = relative(cwd(), path);
  return near.startsWith('..') || isAbsolute(near) ? path : near;
}
