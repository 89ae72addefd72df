// The nouns of membership that need no worker: who wants to go, and how far the run is that somebody wants to join.
import { describe, expect, it } from 'vitest';
import { Departures } from '../../engine/coordinator/departures.js';
import { RunPhase } from '../../engine/coordinator/run-phase.js';

describe('departures', () => {
  it('list a wish until the worker is gone', () => {
    const departures = new Departures();
    departures.wish('w1');
    expect([departures.hasNews, [...departures.leaving]]).toEqual([true, ['w1']]);
    departures.remove('w1');
    expect([departures.hasNews, [...departures.leaving]]).toEqual([false, []]);
  });

  it('do not list again who was told that it cannot go', () => {
    const departures = new Departures();
    departures.wish('w0');
    departures.refuse(['w0']);
    departures.wish('w0');
    expect(departures.hasNews).toBe(false);
  });

  it('tell once of a worker that went unmissed, and forget that it wanted to', () => {
    const departures = new Departures();
    departures.wish('w2');
    departures.wentUnmissed('w2', 'cut off');
    expect([...departures.leaving]).toEqual([]);
    expect(departures.takeGone()).toEqual([{ worker: 'w2', reason: 'cut off' }]);
    expect([departures.hasNews, departures.takeGone()]).toEqual([false, []]);
  });
});

describe('a run', () => {
  const served = () => {
    const heard: string[] = [];
    const phase = new RunPhase();
    const serve = (): void =>
      phase.serve({
        digests: () => ({ model: 'm', data: 'd' }),
        model: () => ({
          lengths: [],
          stateLengths: [],
          load: () => ({ weights: new Float32Array(), states: new Float32Array() }),
        }),
        facts: () => ({
          lengths: [],
          numValidation: 0,
          statisticsWidth: 1,
          shareAt: () => ({ from: 0, to: 0, digest: '' }),
        }),
        onReport: ({ type }, worker) => heard.push(`${worker} ${type}`),
        onDropped: (peer, reason) => heard.push(`${peer}: ${reason}`),
        onRefused: () => undefined,
      });
    return { phase, serve, heard };
  };

  it('that is still being read takes nobody in and tells nobody', () => {
    const { phase, serve, heard } = served();
    expect(() => phase.run).toThrow(expect.objectContaining({ code: 'PT_RUN_STARTS' }));
    phase.dropped('127.0.0.1:1', 'no token');
    serve();
    expect(phase.run.digests()).toEqual({ model: 'm', data: 'd' });
    phase.dropped('127.0.0.1:2', 'no token');
    phase.reported({ type: 'aborted' }, 'w0');
    expect(heard).toEqual(['127.0.0.1:2: no token', 'w0 aborted']);
  });

  it('that ends lets nobody in any more', () => {
    const { phase } = served();
    phase.requireGoingOn();
    phase.end();
    expect(() => phase.requireGoingOn()).toThrow(expect.objectContaining({ code: 'PT_RUN_ENDS' }));
  });
});
