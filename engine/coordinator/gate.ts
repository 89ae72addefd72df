// Gate: who may come in through the port of a run: its own workers when they are expected, workers that join, and those
// who only ask how it stands. The token was checked before (comm/listen.ts).
import type { Hello } from '../comm/handshake.js';
import type { Peer } from '../comm/peer.js';
import { WorkerError } from '../core/errors.js';
import type { RunStatus } from '../status/run-status.js';
import type { Admission } from './admission.js';
import type { Roster } from './roster.js';
import type { RunPhase } from './run-phase.js';
import { answerStatus } from './status-desk.js';
import { WorkerProcess } from './worker-process.js';

export interface GateOptions {
  readonly phase: RunPhase;
  readonly roster: Roster;
  readonly admission: Admission;
  readonly status: () => RunStatus;
}

export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Throws a WorkerError where a connection has no business here: PT_RUN_ENDS, PT_RUN_STARTS, PT_UNKNOWN_WORKER. */
  greet(peer: Peer, hello: Hello): void {
    const { phase, admission, status } = this.#options;
    phase.requireGoingOn();
    if (hello['role'] === 'status') return answerStatus(peer, status(), (who, reason) => phase.dropped(who, reason));
    if (hello['role'] === 'join') return admission.arrive(peer, hello);
    this.#expected(peer.name, hello['pass']).connect(peer);
  }

  /** Whoever has the token but not the pass of a worker is not that worker. */
  #expected(name: string, pass: unknown): WorkerProcess {
    const worker = this.#options.roster.find(name);
    if (!(worker instanceof WorkerProcess) || worker.isConnected || !worker.isKnownBy(pass))
      throw new WorkerError(
        'PT_UNKNOWN_WORKER',
        `no worker "${name}" is expected`,
        'Start workers through the command.',
      );
    return worker;
  }
}
