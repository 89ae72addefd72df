// Callbacks: functions of a program that a run calls after steps, validations and epochs. They see what happened and
// may ask the run to stop; nothing that they are given leads back into it.
import { EXIT, messageOf, PipetrainError } from '../core/errors.js';
import type { RunEvent } from '../events/events.js';
import type { EventOf } from '../events/summary.js';

/** What a callback can do. */
export interface RunControl {
  /** Asks the run to stop in order: the step that has begun is finished, the run validated and saved. */
  readonly stop: () => void;
}

/** An epoch that is done. */
export interface EpochEnd {
  /** From 0. */
  readonly epoch: number;
  /** Steps of the run that are done. */
  readonly step: number;
  /** Mean training loss; each sample counts as much. Of an epoch in which a run went on, of the steps since then. */
  readonly loss: number;
  /** Done before, and undone since. */
  readonly isReplay: boolean;
}

/**
 * Called in the order of events, each with a frozen value. A step that a lost worker has undone comes again, with
 * `replay: true`. Training waits for what a callback does before it returns; a promise that it returns is awaited at
 * the end of the run. One that throws or rejects ends the run in order, with the error PT_CALLBACK.
 */
export interface Callbacks {
  readonly onStep?: (step: EventOf<'step'>, control: RunControl) => unknown;
  readonly onValidation?: (validation: EventOf<'evaluation'>, control: RunControl) => unknown;
  readonly onEpoch?: (epoch: EpochEnd, control: RunControl) => unknown;
}

/** The steps of the epoch that goes on. */
interface OpenEpoch {
  readonly epoch: number;
  readonly steps: { readonly step: number; readonly loss: number; readonly samples: number }[];
}

export class CallbackCalls {
  readonly #callbacks: Callbacks;
  readonly #folder: () => string;
  readonly #control: RunControl;
  readonly #pending = new Set<Promise<void>>();
  #stepsPerEpoch = Infinity;
  #epoch: OpenEpoch = { epoch: -1, steps: [] };
  #failure: PipetrainError | null = null;

  /** `stop` asks the run to stop; `folder` is where it is. */
  constructor(callbacks: Callbacks, stop: () => void, folder: () => string) {
    this.#callbacks = callbacks;
    this.#control = Object.freeze({ stop });
    this.#folder = folder;
  }

  /** Calls what the event is for. Never throws. */
  take(event: RunEvent): void {
    if (event.type === 'run.started') this.#stepsPerEpoch = event.stepsPerEpoch;
    if (event.type === 'step') {
      const { step } = event;
      this.#call('onStep', step, (control) => this.#callbacks.onStep?.(event, control));
      const end = this.#endOfEpoch(event);
      if (end !== null) this.#call('onEpoch', step, (control) => this.#callbacks.onEpoch?.(end, control));
    }
    if (event.type === 'evaluation')
      this.#call('onValidation', event.step, (control) => this.#callbacks.onValidation?.(event, control));
  }

  /** Resolves when all that callbacks have promised is settled; rejects with the first failure (PT_CALLBACK). */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
    if (this.#failure !== null) throw this.#failure;
  }

  #call(name: keyof Callbacks, step: number, call: (control: RunControl) => unknown): void {
    // What comes after a failure is the way to the end of the run.
    if (this.#failure !== null) return;
    try {
      const returned = call(this.#control);
      if (!(returned instanceof Promise)) return;
      const settled = returned.then(
        () => undefined,
        (error: unknown) => this.#fail(name, step, error),
      );
      this.#pending.add(settled);
      void settled.then(() => this.#pending.delete(settled));
    } catch (error) {
      this.#fail(name, step, error);
    }
  }

  #fail(name: keyof Callbacks, step: number, cause: unknown): void {
    this.#failure ??= new PipetrainError(
      'PT_CALLBACK',
      EXIT.invalid,
      `the callback ${name} failed at step ${step}: ${messageOf(cause)}`,
      `Correct it; its error is the cause of this one. The run is saved: resume('${this.#folder()}') goes on with it.`,
      { cause },
    );
    this.#control.stop();
  }

  /** What a step has ended, or null. */
  #endOfEpoch({ step, loss, samples, replay }: EventOf<'step'>): EpochEnd | null {
    const epoch = Math.floor(step / this.#stepsPerEpoch);
    if (epoch !== this.#epoch.epoch) this.#epoch = { epoch, steps: [] };
    const { steps } = this.#epoch;
    // Steps that are done again replace the first ones.
    while ((steps.at(-1)?.step ?? -1) >= step) steps.pop();
    steps.push({ step, loss, samples });
    if ((step + 1) % this.#stepsPerEpoch !== 0) return null;
    const sum = steps.reduce((total, one) => total + one.loss * one.samples, 0);
    const count = steps.reduce((total, one) => total + one.samples, 0);
    return Object.freeze({ epoch, step: step + 1, loss: sum / count, isReplay: replay === true });
  }
}
