// ViewerEvent: one entry of the trace event format, which Perfetto and Chrome show. It knows no runs.
// Source: "Trace Event Format" of the Chromium project.

interface Place {
  readonly pid: number;
  readonly tid: number;
}

/** Times are microseconds. */
export type ViewerEvent =
  /** Something that took time. Those of one row lie in each other or apart. */
  | (Place & {
      readonly ph: 'X';
      readonly name: string;
      readonly cat: string;
      readonly ts: number;
      readonly dur: number;
      readonly args?: Readonly<Record<string, unknown>>;
    })
  /** The begin of an arrow and its end, each inside of what takes time there. */
  | (Place & {
      readonly ph: 's' | 'f';
      readonly bp?: 'e';
      readonly id: number;
      readonly name: string;
      readonly cat: string;
      readonly ts: number;
    })
  /** Something that happened at a moment. */
  | (Place & {
      readonly ph: 'i';
      readonly s: 't';
      readonly name: string;
      readonly cat: string;
      readonly ts: number;
      readonly args?: Readonly<Record<string, unknown>>;
    })
  /** The value of a curve from now on. */
  | {
      readonly ph: 'C';
      readonly pid: number;
      readonly name: string;
      readonly ts: number;
      readonly args: Readonly<Record<string, number>>;
    }
  /** The name of a row or of a group of rows, or where it stands. */
  | (Place & {
      readonly ph: 'M';
      readonly name: 'process_name' | 'thread_name' | 'process_sort_index' | 'thread_sort_index';
      readonly args: Readonly<Record<string, unknown>>;
    });

/** A row of the picture. Rows are told apart by their names. */
export interface ViewerRow extends Place {
  readonly name: string;
}

/** Names a group of rows and its place. */
export function* groupNames(pid: number, name: string): Generator<ViewerEvent> {
  yield { ph: 'M', name: 'process_name', pid, tid: 0, args: { name } };
  yield { ph: 'M', name: 'process_sort_index', pid, tid: 0, args: { sort_index: pid } };
}

/** Names a row and its place among the others of its group. */
export function* rowNames({ pid, tid, name }: ViewerRow): Generator<ViewerEvent> {
  yield { ph: 'M', name: 'thread_name', pid, tid, args: { name } };
  yield { ph: 'M', name: 'thread_sort_index', pid, tid, args: { sort_index: tid } };
}
