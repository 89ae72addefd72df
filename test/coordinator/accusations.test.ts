// Who has to go where workers complain about each other, or do nothing: decided by what several say, and never one of
// the run's own for what a guest says.
import { describe, expect, it } from 'vitest';
import { Accusations } from '../../engine/coordinator/accusations.js';
import { StuckWorker } from '../../engine/coordinator/lost-worker.js';
import { idlers } from '../../engine/coordinator/roll-call.js';
import { WaitingRoom } from '../../engine/coordinator/waiting-room.js';

const own = { id: 'own', isOwn: true };
const other = { id: 'other', isOwn: true };
const guest = { id: 'guest', isOwn: false };
const friend = { id: 'friend', isOwn: false };
type Suspect = typeof own;
const stuck = (reporter: Suspect, about: Suspect | null, isFault = false): StuckWorker =>
  new StuckWorker(reporter.id, 'it is gone', about === null ? null : { worker: about.id, isFault });

/** Who has to go after each of these complaints. */
function verdicts(...complaints: readonly (readonly [reporter: Suspect, about: Suspect | null, isFault?: boolean])[]) {
  const accusations = new Accusations();
  return complaints.map(
    ([reporter, about, isFault], i) =>
      accusations.judge(stuck(reporter, about, isFault), reporter, about ?? undefined, i)?.id ?? null,
  );
}

describe('a worker that cannot go on', () => {
  it('because a guest broke the rules or cannot be reached lets the guest go', () => {
    expect(verdicts([own, guest, true])).toEqual(['guest']);
  });
  it('and joined, and says so of one of the own, goes itself', () => {
    expect(verdicts([guest, own, true])).toEqual(['guest']);
  });
  it('is believed once, and goes where it complains again while nobody was lost', () => {
    expect(verdicts([guest, null], [guest, null])).toEqual([null, 'guest']);
    expect(verdicts([guest, friend, true], [guest, friend, true])).toEqual([null, 'guest']);
    expect(verdicts([guest, own], [guest, own])).toEqual([null, 'guest']);
  });
  it('lets a guest go of which the own lose sight twice', () => {
    expect(verdicts([own, guest], [other, guest])).toEqual([null, 'guest']);
  });
  it('lets nobody go where all are the own', () => {
    expect(verdicts([own, other, true], [own, other], [own, null])).toEqual([null, null, null]);
  });
  it('is forgotten where somebody was lost, and after ten minutes', () => {
    const accusations = new Accusations();
    const judge = (now: number): unknown => accusations.judge(stuck(guest, null), guest, undefined, now);
    expect(judge(0)).toBeNull();
    accusations.explained();
    expect(judge(1)).toBeNull();
    expect(judge(600_002)).toBeNull();
    expect(judge(600_003)).toEqual(guest);
  });
});

describe('of workers that answer and do nothing', () => {
  const isOwn = (worker: string): boolean => worker.startsWith('own');
  it.each<[string, Record<string, string | null>, string[]]>([
    ['a guest that waits for nobody goes', { own: 'guest', guest: null }, ['guest']],
    ['a guest goes that waits for one that is done', { own: 'guest', guest: 'done' }, ['guest']],
    ['a guest stays that waits for a slow one of the own', { own: null, guest: 'own' }, []],
    ['a guest stays that waits for another guest', { own: 'a', a: 'b', b: null }, ['b']],
    ['in a circle the guest goes that an own one waits for', { own: 'a', a: 'b', b: 'own' }, ['a']],
    ['the own stay', { own: null, own2: 'own' }, []],
  ])('%s', (_, waits, expected) => expect(idlers(new Map(Object.entries(waits)), isOwn)).toEqual(expected));
});

describe('whoever knocks', () => {
  const knock = { address: '192.0.2.1', name: 'n', host: 'h', pid: 1 };
  const some = (count: number, address: string) =>
    Array.from({ length: count }, (_, pid) => ({ ...knock, name: `n${pid}`, pid, address }));

  it('finds a place until so many wait, from its address and in all', () => {
    const room = new WaitingRoom();
    expect(() => room.admit(knock, some(63, '192.0.2.1'), 1)).not.toThrow();
    expect(() => room.admit(knock, some(64, '192.0.2.1'), 1)).toThrow(/64 workers from 192.0.2.1 wait/);
    const others = [2, 3, 4].flatMap((n) => some(43, `192.0.2.${n}`));
    expect(() => room.admit(knock, others, 1)).toThrow(/129 workers wait/);
    expect(() => room.admit(knock, [], 1024)).toThrow(/1024 workers take part/);
  });

  it('and was cut off before is known by its name and by its process', () => {
    const room = new WaitingRoom();
    room.bar(knock, true);
    const barred = expect.objectContaining({ code: 'PT_BARRED' }) as Error;
    expect(() => room.admit({ ...knock, pid: 2 }, [], 1)).toThrow(barred);
    expect(() => room.admit({ ...knock, name: 'm' }, [], 1)).toThrow(barred);
    expect(() => room.admit({ ...knock, name: 'm', pid: 2 }, [], 1)).not.toThrow();
    expect(() => room.admit({ ...knock, address: '192.0.2.2' }, [], 1)).not.toThrow();
    for (const other of some(16, '192.0.2.1')) room.bar(other, true);
    expect(() => room.admit({ ...knock, name: 'm', pid: 99 }, [], 1)).toThrow(barred);
  });
});
