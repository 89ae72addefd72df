// StageLinks: how one stage meets its neighbours in the pipeline: a border to the stage above and one to the stage
// below, and the doorbells of training and evaluation. Made in two halves, like the seat. It computes nothing.
import type { StageBorders } from '../../pipeline/stage-bindings.js';
import type { StageSignals } from '../../pipeline/stage-runner.js';
import { present } from '../core/invariant.js';
import type { Plan, Seat } from '../core/plan.js';
import { activationDtype, gradientDtype, type Model } from '../model/block.js';
import { bellKey } from '../protocol/bells.js';
import type { HostArray, Shape } from '../tensor/shape.js';
import { Border } from './border.js';
import type { Neighbours } from './neighbours.js';

export interface StageLinksOptions {
  readonly folder: string;
  readonly plan: Plan;
  readonly seat: Seat;
  readonly stage: number;
  readonly worker: string;
  readonly model: Model;
  /** Shape of the activation that enters a block. */
  readonly shapeAt: (block: number) => Shape;
  readonly neighbours: Neighbours;
}

export class StageLinks {
  readonly #options: StageLinksOptions;
  /** Towards the data and towards the loss; null where there is no stage. */
  readonly #upper: Border | null;
  readonly #lower: Border | null;

  /** First half: makes the mailboxes of this stage. */
  constructor(options: StageLinksOptions) {
    this.#options = options;
    const { stage, seat } = options;
    const { from, to } = present(seat.stages[stage], `stage ${stage}`);
    this.#upper = stage === 0 ? null : this.#borderTo(stage - 1, from);
    this.#lower = this.#isLast ? null : this.#borderTo(stage + 1, to);
  }

  /** Second half: the mailboxes of the neighbours exist. */
  open(): void {
    this.#upper?.open();
    this.#lower?.open();
  }

  /** The workers of the stages above and below. */
  get workers(): string[] {
    const { seat, stage } = this.#options;
    return [seat.stages[stage - 1], seat.stages[stage + 1]].flatMap((other) =>
      other === undefined ? [] : [other.worker],
    );
  }

  /** What crosses the borders; `below` stands in for the activation of a stage that is not there. */
  borders(below: readonly HostArray[] | null): StageBorders {
    return {
      activationIn: this.#upper?.arriving ?? below,
      activationOut: this.#lower?.leaving ?? null,
      gradientIn: this.#lower?.arriving ?? null,
      gradientOut: this.#upper?.leaving ?? null,
    };
  }

  /** Doorbells of training. */
  get signals(): StageSignals {
    const { neighbours, stage, plan } = this.#options;
    const { generation } = plan;
    return {
      arrived: (kind, step, micro) =>
        neighbours.wait(
          this.#workerAt(stage + (kind === 'F' ? -1 : 1)),
          bellKey(kind, { generation, step }, stage, micro),
        ),
      ring: (kind, step, micro) => {
        const next = stage + (kind === 'F' ? 1 : -1);
        (kind === 'F' ? this.#lower : this.#upper)?.send(micro);
        neighbours.ring(this.#workerAt(next), bellKey(kind, { generation, step }, next, micro));
      },
    };
  }

  /**
   * Waits until evaluation `n` of this replica may begin: its activation is there, and so is a free place for its
   * result. A stage runs ahead of the next by at most the places of the mailbox.
   */
  async evaluationArrived(n: number): Promise<void> {
    const { neighbours, seat, stage } = this.#options;
    if (stage > 0) await neighbours.wait(this.#workerAt(stage - 1), this.#evaluationKey('E', stage, n));
    if (!this.#isLast && n >= seat.count) await this.#credit(n - seat.count);
  }

  /** Passes on the result of evaluation `n`, and gives its place back to the stage that filled it. */
  evaluationDone(n: number): void {
    const { neighbours, seat, stage } = this.#options;
    if (stage > 0) neighbours.ring(this.#workerAt(stage - 1), this.#evaluationKey('C', stage - 1, n));
    if (this.#isLast) return;
    this.#lower?.send(n % seat.count);
    neighbours.ring(this.#workerAt(stage + 1), this.#evaluationKey('E', stage + 1, n));
  }

  /** Takes the last credits of an evaluation of `count` micro-batches: the next one counts from 0 again. */
  async endEvaluation(count: number): Promise<void> {
    if (this.#isLast) return;
    for (let n = Math.max(0, count - this.#options.seat.count); n < count; n++) await this.#credit(n);
  }

  close(): void {
    this.#upper?.close();
    this.#lower?.close();
  }

  /** The stage behind this one has read the result of evaluation `n`. */
  #credit(n: number): Promise<void> {
    const { neighbours, stage } = this.#options;
    return neighbours.wait(this.#workerAt(stage + 1), this.#evaluationKey('C', stage, n));
  }

  #evaluationKey(kind: 'E' | 'C', stage: number, n: number): string {
    return bellKey(kind, { generation: this.#options.plan.generation, step: null }, stage, n);
  }

  get #isLast(): boolean {
    return this.#options.stage === this.#options.seat.stages.length - 1;
  }

  #workerAt(stage: number): string {
    return present(this.#options.seat.stages[stage], `stage ${stage}`).worker;
  }

  /** The border to a neighbouring stage, over which the input of `block` goes. */
  #borderTo(stage: number, block: number): Border {
    const { folder, plan, seat, worker, neighbours, model, shapeAt, stage: own } = this.#options;
    return new Border({
      folder,
      generation: plan.generation,
      worker,
      stage: own,
      neighbour: { worker: this.#workerAt(stage), stage },
      numPlaces: seat.count,
      shape: shapeAt(block),
      dtypes: { in: activationDtype(model, block - 1), back: gradientDtype(model, block) },
      neighbours,
    });
  }
}
