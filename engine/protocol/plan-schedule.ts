// The schedule of a plan: by its name, or, where it is one of somebody's own, from the grid that the plan carries.
// Pure; every worker draws the same.
import { parseGrid, showGrid } from '../../pipeline/grid.js';
import type { Schedule } from '../../pipeline/schedule.js';
import { makeSchedule, scheduleName, SCHEDULES, type ScheduleSource } from '../../pipeline/schedules/registry.js';
import { WorkerError } from '../core/errors.js';
import { pipelineLength, type Plan, type StageAssignment } from '../core/plan.js';

/** How a plan says it. */
export const asPlanned = (source: ScheduleSource): Pick<Plan, 'schedule' | 'grid'> => ({
  schedule: scheduleName(source),
  ...(typeof source === 'string' ? {} : { grid: showGrid(source) }),
});

/** The other way round. Throws a WorkerError (PT_PROTOCOL) where the plan names a schedule that there is not. */
export function plannedSource({ schedule, grid }: Pick<Plan, 'schedule' | 'grid'>): ScheduleSource {
  if (grid !== undefined) return parseGrid(grid, schedule);
  if (SCHEDULES.has(schedule)) return schedule;
  throw new WorkerError(
    'PT_PROTOCOL',
    `a plan has the schedule "${schedule}" and no grid of it`,
    'All workers must run the same version of pipetrain.',
  );
}

/** The schedule of one replica. */
export function replicaSchedule(
  plan: Plan,
  { stages, count }: { readonly stages: readonly StageAssignment[]; readonly count: number },
): Schedule {
  const source = plannedSource(plan);
  const K = pipelineLength({ stages });
  return typeof source === 'string' ? makeSchedule(source, K, count, stages.length / K) : source;
}
