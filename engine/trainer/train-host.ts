// TrainHost: what a training run needs from whoever started it: a folder, a place for events, and a way to be told to
// stop. Not the console, not the configuration.
import type { FileLayer } from '../checkpoint/file-layer.js';
import type { RunEventBody } from '../events/events.js';
import type { Entrance } from '../protocol/entrance.js';
import type { OwnKey } from '../run/own-key.js';
import type { RunFolder } from '../run/run-folder.js';
import type { UntimedLine } from '../trace/trace-line.js';

export interface TrainHost {
  /**
   * Where checkpoints go. The host itself writes the configuration, the events, the plans, the summary and the report.
   */
  readonly runFolder: RunFolder;
  /** Records an event (events.jsonl) and shows it. Throws a DataError where the file cannot be written. */
  readonly emit: (event: RunEventBody) => void;
  /** Records what the workers did when in a step that was done just now (trace.jsonl). Never throws. */
  readonly trace?: (line: UntimedLine) => void;
  /** Puts what was emitted on the disk: a checkpoint never knows of steps of which no event tells. */
  readonly sync?: () => void;
  /** Aborted when a person asks to stop: finish the step, save, and return. */
  readonly signal: AbortSignal;
  /** How checkpoints are written; the file system of this machine where it is not given. */
  readonly files?: FileLayer;
  /**
   * Folder for compiled programs and measured costs that outlive a run, where the configuration leaves the choice;
   * nowhere where it is not given.
   */
  readonly cacheFolder?: string;
  /** By which the user of this process knows its own checkpoints again; nothing is known again where there is none. */
  readonly ownKey?: OwnKey | null;
  /** A run that goes on may compute other bits than before: on another processor, say. */
  readonly acceptsOtherBits?: boolean;
  /** What everybody who connects to the run must know; a random one where none is given. */
  readonly token?: string | undefined;
  /** Called when workers may join. */
  readonly onOpen?: (entrance: Entrance) => void;
  /** True for the `quickstart` command: short, with a breakdown and a sample at the end. */
  readonly quickstart?: boolean;
}
