// Why an executor cannot be tested on this machine, if so: what `pipetrain devices` says of it.
import type { TfjsKind } from '../../engine/tensor/executor-kind.js';
import { findBackend } from '../../engine/tensor/tfjs-backends.js';

export function obstacleTo(kind: TfjsKind): string | null {
  try {
    findBackend(kind);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
