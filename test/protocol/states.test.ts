// The state machines: every transition of the tables, and every cause that has no place in a state, tried one by one.
import { describe, expect, it } from 'vitest';
import type { Order } from '../../engine/protocol/messages.js';
import {
  PLAN_TRANSITIONS,
  PlanTransition,
  TRANSITION_STATES,
  type TransitionCause,
  type TransitionState,
} from '../../engine/protocol/plan-transition.js';
import {
  nextWorkerState,
  WORKER_STATES,
  WORKER_TRANSITIONS,
  type WorkerCause,
  WorkerStanding,
} from '../../engine/protocol/worker-state.js';

const causes = [...new Set(Object.values(WORKER_TRANSITIONS).flatMap((row) => Object.keys(row) as WorkerCause[]))];
const protocolError = expect.objectContaining({ code: 'PT_PROTOCOL', exitCode: 4 }) as Error;

describe('a worker', () => {
  it.each(WORKER_STATES)('that is %s goes where the table says, and refuses everything else by name', (state) => {
    for (const cause of causes) {
      const next = WORKER_TRANSITIONS[state][cause];
      if (next === undefined) {
        expect(() => nextWorkerState('w3', state, cause)).toThrow(protocolError);
        expect(() => nextWorkerState('w3', state, cause)).toThrow(
          `"${cause}" has no place where worker w3 is ${state}`,
        );
      } else expect(nextWorkerState('w3', state, cause)).toBe(next);
    }
  });

  it('can be lost from everywhere, and comes back from nowhere', () => {
    for (const state of WORKER_STATES) if (state !== 'lost') expect(nextWorkerState('w', state, 'gone')).toBe('lost');
    expect(WORKER_TRANSITIONS.lost).toEqual({});
  });

  it('trains only between a start and the end of its last commit', () => {
    for (const state of WORKER_STATES)
      expect(WORKER_TRANSITIONS[state]['step-ready'] ?? 'draining', state).toBe(
        state === 'training' ? 'training' : 'draining',
      );
    expect(nextWorkerState('w', 'idle', 'start')).toBe('training');
    expect(nextWorkerState('w', 'training', 'paused')).toBe('idle');
  });
});

const order = (body: { readonly type: Order['type']; readonly [field: string]: unknown }): Order => body as Order;
const commit = (goesOn: boolean, snapshot: number | null = null): Order =>
  order({
    type: 'commit',
    generation: 0,
    step: 0,
    learningRate: 1,
    gradientScale: 1,
    updateCount: 1,
    goesOn,
    snapshot,
  });

/** A worker that has been set up. */
function idle(): WorkerStanding {
  const standing = new WorkerStanding('w0');
  standing.ordered(order({ type: 'setup' }));
  standing.reported('ready');
  return standing;
}

describe('what the coordinator knows of a worker', () => {
  it('follows a run of steps', () => {
    const standing = idle();
    for (const [type, answer] of [
      ['prepare', 'prepared'],
      ['activate', 'active'],
      ['snapshot', 'snapshot-written'],
    ] as const) {
      standing.ordered(order({ type }));
      standing.reported(answer);
      expect(standing.state).toBe('idle');
    }
    standing.ordered(order({ type: 'start' }));
    standing.reported('step-ready');
    standing.ordered(commit(true, 3));
    standing.reported('snapshot-written');
    standing.reported('step-ready');
    expect(standing.state).toBe('training');
    standing.ordered(commit(false));
    standing.reported('paused');
    expect(standing.state).toBe('idle');
  });

  it('refuses an answer that nobody asked for, and a second one', () => {
    expect(() => new WorkerStanding('w0').reported('ready')).toThrow(protocolError);
    const standing = idle();
    expect(() => standing.reported('evaluated')).toThrow(protocolError);
    expect(() => standing.reported('pong')).toThrow(protocolError);
    standing.ordered(order({ type: 'start' }));
    standing.reported('step-ready');
    expect(() => standing.reported('step-ready')).toThrow(protocolError);
    expect(() => standing.reported('paused')).toThrow(protocolError);
  });

  it('lets a worker that gives up say whatever was on its way, until it has answered every abort', () => {
    const standing = idle();
    standing.ordered(order({ type: 'start' }));
    standing.ordered(order({ type: 'abort' }));
    standing.reported('step-ready');
    standing.reported('stuck');
    expect(standing.state).toBe('draining');
    standing.reported('aborted');
    expect(standing.state).toBe('idle');
    expect(() => standing.reported('aborted')).toThrow(protocolError);
    standing.ordered(order({ type: 'abort' }));
    standing.reported('aborted');
    expect(() => standing.reported('step-ready')).toThrow(protocolError);
  });

  it('waits for the answer to each abort, where a second one is given before the first is answered', () => {
    const standing = idle();
    standing.ordered(order({ type: 'abort' }));
    standing.ordered(order({ type: 'abort' }));
    standing.reported('aborted');
    expect(standing.state).toBe('draining');
    standing.reported('aborted');
    expect(standing.state).toBe('idle');
    expect(() => standing.reported('aborted')).toThrow(protocolError);
  });

  it('ends with the worker', () => {
    const standing = idle();
    standing.reported('failed');
    expect(standing.state).toBe('lost');
    standing.gone();
    for (const report of ['pong', 'stuck', 'step-ready'] as const)
      expect(() => standing.reported(report)).toThrow(protocolError);
    expect(() => standing.ordered(order({ type: 'prepare' }))).toThrow(protocolError);
  });
});

describe('the transition of a plan', () => {
  const act: Readonly<Record<TransitionCause, (transition: PlanTransition) => void>> = {
    prepare: (transition) => transition.prepare(transition.generation + 1),
    prepared: (transition) => transition.prepared(),
    active: (transition) => transition.active(),
    abandon: (transition) => transition.abandon(),
  };
  const ways: Readonly<Record<TransitionState, readonly TransitionCause[]>> = {
    abandoned: [],
    preparing: ['prepare'],
    activating: ['prepare', 'prepared'],
    settled: ['prepare', 'prepared', 'active'],
  };

  it.each(TRANSITION_STATES)('that is %s goes where the table says and nowhere else', (state) => {
    for (const cause of Object.keys(act) as TransitionCause[]) {
      const transition = new PlanTransition('worker w0');
      for (const step of ways[state]) act[step](transition);
      expect(transition.state).toBe(state);
      const next = PLAN_TRANSITIONS[state][cause];
      if (next === undefined) expect(() => act[cause](transition)).toThrow(protocolError);
      else act[cause](transition);
      expect(transition.state).toBe(next ?? state);
    }
  });

  it('refuses an older plan and the same again, and work for any plan but the one in force', () => {
    const transition = new PlanTransition('worker w0');
    transition.prepare(4);
    expect(() => transition.require(4, 'settled')).toThrow(protocolError);
    transition.prepared();
    transition.active();
    transition.require(4, 'settled');
    for (const generation of [3, 4])
      expect(() => transition.prepare(generation)).toThrow(expect.objectContaining({ code: 'PT_STALE_PLAN' }) as Error);
    expect(() => transition.require(5, 'settled')).toThrow(expect.objectContaining({ code: 'PT_STALE_PLAN' }) as Error);
    transition.abandon();
    expect(() => transition.require(4, 'settled')).toThrow(protocolError);
  });
});
