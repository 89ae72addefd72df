// Progress: where a run stands, folded from its events. Pure data for the status line; it prints nothing.
import type { RunEvent } from '../../engine/events/events.js';

type StepEvent = Extract<RunEvent, { type: 'step' }>;

export interface Progress {
  readonly stepsPlanned: number;
  readonly metricName: string;
  readonly metric: number | null;
  /** The latest steps, newest last: rates are averages over them. */
  readonly recent: readonly StepEvent[];
  /** Transformer layers frozen in the current plan, and how many the model has. */
  readonly frozenLayers: number;
  readonly layers: number;
  /** Layer of every block, or null; and layers that are not there yet: of a model that grows. */
  readonly layerOf: readonly (number | null)[];
  readonly absentLayers: number;
  /** Most memory that a worker has needed so far, bytes; 0 where it is not known. */
  readonly peakBytes: number;
  /** Of a language model, else null. */
  readonly tokensPerSample: number | null;
}

/** Long enough to be calm, short enough to follow a transition. */
const WINDOW = 20;

export const startOfProgress: Progress = {
  stepsPlanned: 0,
  metricName: '',
  metric: null,
  recent: [],
  frozenLayers: 0,
  layers: 0,
  layerOf: [],
  absentLayers: 0,
  peakBytes: 0,
  tokensPerSample: null,
};

export function advance(progress: Progress, event: RunEvent): Progress {
  switch (event.type) {
    case 'run.started': {
      const layerOf = event.blocks.map(({ layer }) => layer);
      const layers = countedLayers(layerOf);
      const { stepsPlanned, metricName, tokensPerSample = null } = event;
      return { ...progress, stepsPlanned, metricName, tokensPerSample, layers, layerOf };
    }
    case 'plan.made':
      // Rates of the old shape say nothing of the new one; the last step stays for its loss.
      return {
        ...progress,
        frozenLayers: event.frozenLayers,
        absentLayers: countedLayers((event.absent ?? []).map((block) => progress.layerOf[block] ?? null)),
        recent: progress.recent.slice(-1),
      };
    case 'step':
      return {
        ...progress,
        recent: [...progress.recent, event].slice(-WINDOW),
        peakBytes: Math.max(progress.peakBytes, ...Object.values(event.peakMemory ?? {})),
      };
    case 'evaluation':
      return { ...progress, metric: event.metric, metricName: event.metricName };
    default:
      return progress;
  }
}

const countedLayers = (layers: readonly (number | null)[]): number =>
  new Set(layers.filter((layer) => layer !== null)).size;

/** Averages over the recent steps; null before the first one. */
export function rates({ recent, stepsPlanned, tokensPerSample }: Progress): {
  readonly last: StepEvent;
  readonly samplesPerSecond: number;
  /** Null where samples are not told in tokens. */
  readonly tokensPerSecond: number | null;
  /** Of the samples that could be in the cache, or null where none could. */
  readonly hitShare: number | null;
  readonly bubbleShare: number;
  readonly secondsLeft: number;
} | null {
  const last = recent.at(-1);
  if (last === undefined) return null;
  const sum = (of: (step: StepEvent) => number): number => recent.reduce((total, step) => total + of(step), 0);
  const seconds = sum((step) => step.seconds);
  const samplesPerSecond = seconds > 0 ? sum((step) => step.samples) / seconds : 0;
  const looked = sum((step) => step.cacheHits + step.cacheMisses);
  return {
    last,
    samplesPerSecond,
    tokensPerSecond: tokensPerSample === null ? null : samplesPerSecond * tokensPerSample,
    hitShare: looked > 0 ? sum((step) => step.cacheHits) / looked : null,
    bubbleShare: sum((step) => step.bubbleShare) / recent.length,
    secondsLeft: (Math.max(0, stepsPlanned - last.step - 1) * seconds) / recent.length,
  };
}
