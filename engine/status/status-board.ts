// StatusBoard: the status of a run, kept up from its events. The same for a run that goes on and for one that is read
// back from its folder; signs of life are added by whoever has connections.
import { hostname } from 'node:os';
import type { RunEventBody } from '../events/events.js';
import type { RunStatus, WorkerStatus } from './run-status.js';

/** Steps over which the speed is taken. */
const SPEED_WINDOW = 20;
/** Workers that are gone and still listed. */
const MAX_LOST = 16;

type EventOf<T extends RunEventBody['type']> = Extract<RunEventBody, { type: T }>;

/** What the coordinator knows of a worker and no event tells. */
export interface SignOfLife {
  readonly worker: string;
  readonly pid: number;
  readonly name: string | null;
  readonly host: string | null;
  readonly silentMs: number;
  /** It works on until its state is with others. */
  readonly isLeaving: boolean;
}

export class StatusBoard {
  #started: EventOf<'run.started'> | null = null;
  #plan: EventOf<'plan.made'> | null = null;
  #end: EventOf<'run.finished'> | EventOf<'run.failed'> | null = null;
  #steps = 0;
  #loss: number | null = null;
  #recent: { readonly samples: number; readonly seconds: number }[] = [];
  readonly #members = new Map<string, EventOf<'worker.joined'>>();
  readonly #lost = new Map<string, EventOf<'worker.joined'>>();
  readonly #peaks = new Map<string, number>();

  /** Whether the run has come to its end, one way or another. */
  get isOver(): boolean {
    return this.#end !== null;
  }

  /** Whether any event was noted that tells of a start. */
  get hasStarted(): boolean {
    return this.#started !== null;
  }

  note(event: RunEventBody): void {
    switch (event.type) {
      case 'run.started':
        // A run that goes on has other workers than before.
        this.#started = event;
        this.#end = this.#plan = null;
        for (const map of [this.#members, this.#lost, this.#peaks]) map.clear();
        this.#recent = [];
        return;
      case 'resumed':
        this.#steps = event.step;
        return;
      case 'worker.joined':
        this.#members.set(event.worker, event);
        return;
      case 'worker.left':
        this.#members.delete(event.worker);
        return;
      case 'worker.lost': {
        const member = this.#members.get(event.worker);
        this.#members.delete(event.worker);
        if (member !== undefined) this.#lost.set(event.worker, member);
        for (const oldest of [...this.#lost.keys()].slice(0, Math.max(0, this.#lost.size - MAX_LOST)))
          this.#lost.delete(oldest);
        return;
      }
      case 'plan.made':
        this.#plan = event;
        return;
      case 'recovered':
        this.#steps = event.fromStep;
        return;
      case 'freeze.rolledBack':
        this.#steps = event.toStep;
        return;
      case 'step':
        this.#steps = event.step + 1;
        // JSON has no NaN: events that were read back have null there.
        this.#loss = Number.isFinite(event.loss) ? event.loss : null;
        this.#recent = [...this.#recent, { samples: event.samples, seconds: event.seconds }].slice(-SPEED_WINDOW);
        for (const [worker, bytes] of Object.entries(event.peakMemory ?? {}))
          this.#peaks.set(worker, Math.max(bytes, this.#peaks.get(worker) ?? 0));
        return;
      case 'run.finished':
      case 'run.failed':
        this.#end = event;
        return;
      default:
        return;
    }
  }

  /** How the run stands. `signs` are those of everybody who is connected; null where nobody is asked. */
  status(signs: readonly SignOfLife[] | null): RunStatus {
    const seconds = this.#recent.reduce((sum, step) => sum + step.seconds, 0);
    const plan = this.#plan;
    return {
      state: this.#state,
      note: this.#end?.type === 'run.failed' ? `${this.#end.code}: ${this.#end.message}`.slice(0, 4096) : null,
      model: this.#started?.model ?? null,
      data: this.#started?.data ?? null,
      steps: this.#steps,
      stepsPlanned: this.#started?.stepsPlanned ?? null,
      loss: this.#loss,
      samplesPerSecond: seconds > 0 ? this.#recent.reduce((sum, { samples }) => sum + samples, 0) / seconds : null,
      plan:
        plan === null
          ? null
          : {
              generation: plan.generation,
              K: plan.K,
              R: plan.R,
              schedule: plan.schedule,
              frozen: plan.frozen,
              blocks: this.#started?.blocks.length ?? 0,
              usesCache: plan.usesCache,
            },
      workers: this.#workers(signs),
    };
  }

  get #state(): RunStatus['state'] {
    if (this.#end?.type === 'run.failed') return 'failed';
    if (this.#end?.type === 'run.finished') return this.#end.isInterrupted ? 'interrupted' : 'finished';
    return this.#plan === null ? 'starting' : 'running';
  }

  #workers(signs: readonly SignOfLife[] | null): WorkerStatus[] {
    const bySign = new Map(signs?.map((sign) => [sign.worker, sign]));
    const seated = new Set(this.#plan?.stages.map(({ worker }) => worker));
    const known = (member: EventOf<'worker.joined'>, state: WorkerStatus['state']): WorkerStatus => {
      const sign = bySign.get(member.worker);
      return {
        worker: member.worker,
        name: member.origin?.name ?? null,
        host: member.origin?.host ?? (signs === null ? null : hostname()),
        pid: member.pid,
        device: member.device,
        state: sign?.isLeaving === true ? 'draining' : state,
        heardSeconds: sign === undefined ? null : sign.silentMs / 1000,
        peakBytes: this.#peaks.get(member.worker) ?? null,
      };
    };
    const loading = (signs ?? []).filter(({ worker }) => !this.#members.has(worker) && !this.#lost.has(worker));
    return [
      ...[...this.#members.values()].map((member) => known(member, seated.has(member.worker) ? 'training' : 'idle')),
      ...loading.map(({ worker, name, host, pid, silentMs, isLeaving }): WorkerStatus => ({
        worker,
        name,
        host: host ?? hostname(),
        pid,
        device: null,
        state: isLeaving ? 'draining' : 'joining',
        heardSeconds: silentMs / 1000,
        peakBytes: null,
      })),
      ...[...this.#lost.values()].map((member) => known(member, 'lost')),
    ];
  }
}
