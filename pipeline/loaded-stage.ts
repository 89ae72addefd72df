// LoadedStage: the programs of a stage on its device. It has those that the schedule asks for: the backward whole or in
// halves, never both. It binds no buffer.
import type { StagePrograms } from '../engine/model/compile.js';
import type { Executor, LoadedProgram } from '../engine/tensor/executor.js';
import type { Program } from '../engine/tensor/program.js';
import type { Action } from './action.js';

export class LoadedStage {
  readonly forward: LoadedProgram;
  /** Null where the stage has neither parameters nor anybody who wants its input gradient. */
  readonly backward: LoadedProgram | null;
  /** The same in two halves, where the schedule splits it; the first is null where nobody wants an input gradient. */
  readonly backwardInput: LoadedProgram | null;
  readonly backwardWeight: LoadedProgram | null;
  readonly evaluate: LoadedProgram;

  /** `actions` are those of the stage in a step. */
  constructor(executor: Executor, programs: StagePrograms, actions: readonly Action[]) {
    const load = (program: Program | null): LoadedProgram | null =>
      program === null || program.outputs.length === 0 ? null : executor.load(program);
    const splits = actions.some(({ kind }) => kind === 'I' || kind === 'W');
    this.forward = executor.load(programs.forward);
    this.backward = splits ? null : load(programs.backward);
    this.backwardInput = splits ? load(programs.split.input) : null;
    this.backwardWeight = splits ? load(programs.split.weight) : null;
    this.evaluate = executor.load(programs.evaluate);
  }

  /** Frees the programs. Their bindings must have been freed before. */
  free(): void {
    for (const program of [this.forward, this.backward, this.backwardInput, this.backwardWeight, this.evaluate])
      program?.free();
  }
}
